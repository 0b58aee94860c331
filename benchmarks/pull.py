"""The whole pull of a large day, from the first byte to the last commit, beside `sftp` and then DuckDB's bare `read_csv`.

python -m benchmarks.pull FOLDER DATABASE is the second half of the other's turn: typed columns, bad lines thrown away.
"""

import shlex
import shutil
import sys
from pathlib import Path

from benchmarks import delivery, shop
from benchmarks import measure as harness
from benchmarks.measure import Contender, Row
from benchmarks.sshd import sshd

ROWS = 8_300_000
TYPES = {"int64": "BIGINT", "timestamp": "TIMESTAMP"}
HERE = harness.DATA / "pull"
TO = HERE / "to"


def measure(runs: int) -> list[Row]:
    """Measure it; two minutes for five runs on two cores."""
    day = harness.DATA / f"day_{ROWS}"
    delivery.make(day, ROWS)
    HERE.mkdir(exist_ok=True)
    batch = HERE / "batch"
    batch.write_text(f"get {day}/*.csv {TO}/\n")
    with sshd() as server:
        project = shop.opened(HERE / "ours", server, day)
        load = harness.python("benchmarks.pull", str(TO), str(TO / "bare.duckdb"))
        both = f"{shlex.join(server.sftp(batch))} && {shlex.join(load)}"
        turns = [
            Contender("ours", project.command("run", "pull_responses"), project.empty),
            Contender("sftp, read_csv", ["sh", "-c", both], _empty),
        ]
        figures = harness.interleaved(turns, runs)
    return [
        Row(
            "whole pull of a day (850 MB, 8.3M rows), first byte to committed; bad rows quarantined",
            figures["ours"],
            "`sftp`, then DuckDB's typed `read_csv`; bad rows: dropped unsaid",
            figures["sftp, read_csv"],
            1.2,
            0.8,
        )
    ]


def _empty() -> None:
    shutil.rmtree(TO, ignore_errors=True)
    TO.mkdir()


def _load(folder: Path, database: Path) -> None:
    import duckdb

    with duckdb.connect(database) as warehouse:
        for name, file, columns in delivery.tables():
            path = folder / f"{delivery.FIRST_DAY:%Y%m%d}_{file}"
            types = {head: TYPES.get(kind, "VARCHAR") for head, kind in columns.items()}
            warehouse.execute(
                f"create table {name} as select * from "
                f"read_csv('{path}', delim=';', header=true, columns={types}, ignore_errors=true)"
            )


if __name__ == "__main__":
    _load(Path(sys.argv[1]), Path(sys.argv[2]))
