"""What DuckDB and polars say at the end of a process that used both."""

import os
import subprocess
import sys
from pathlib import Path

ASKS = """
import sys
from pathlib import Path
from closedloop.model.settings import Suppression
from closedloop.warehouse.duckdb import DuckDBWarehouse
with DuckDBWarehouse(Path(sys.argv[1]), 1, Suppression()) as warehouse:
    print(sum(batch.height for batch in warehouse.select("select * from range(3)", 2)))
"""


def test_nothing_is_said_where_numpy_could_be_imported(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").touch()
    asked = subprocess.run(  # noqa: S603 our own command line
        [sys.executable, "-c", ASKS, str(tmp_path / "warehouse.duckdb")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "3\n", "")
