"""A virtual environment for each program that closedloop is measured beside."""

import subprocess
import sys
from pathlib import Path

from benchmarks import measure as harness

PINS = {
    "plain": ["pandas==3.1.1", "paramiko==5.1.0", "sqlalchemy==2.1.9"],
    "dlt": ["dlt[duckdb,filesystem,sftp]==1.31.0", "duckdb==2.0.0", "pandas==3.1.1", "pyarrow==26.0.1"],
    "tap": ["tap-sftp==1.3.0"],
    # With a newer DuckDB than of its time, target-duckdb trips over its own temporary files.
    "target": ["target-duckdb==0.8.0", "duckdb==1.1.3"],
    "shell": ["duckdb-cli==1.5.6"],
}  # fmt: skip


def ready() -> Path:
    """Return the folder of the environments; each is made at the first time, and anew when its versions changed."""
    home = harness.DATA / "venvs"
    for name, pins in PINS.items():
        stamp = home / name / "pins.txt"
        if not stamp.exists() or stamp.read_text() != str(pins):
            _make(home / name, pins)
            stamp.write_text(str(pins))
    return home


def _make(home: Path, pins: list[str]) -> None:
    sys.stdout.write(f"  installing {', '.join(pins)}\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)  # noqa: S603  python's own
    pip = [str(home / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *pins], check=True)  # noqa: S603  the versions above
