"""A day's delivery from SFTP to typed tables, beside what a user would write or install instead.

One million rows in eight files, 1,026 of them bad. Each contender is a program of `contenders/`, in a virtual environment of
its own; after each run its rows are counted.
"""

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks import delivery, shop, singer
from benchmarks import measure as harness
from benchmarks.measure import Contender, Row
from benchmarks.sshd import Server, sshd
from benchmarks.venvs import ready

ROWS = 1_000_000
HOME = harness.HERE / "contenders"
PROGRAMS = {
    "plain": ["{venvs}/plain/bin/python", str(HOME / "plain.py")],
    "dlt": ["{venvs}/dlt/bin/python", str(HOME / "dlt_pipeline.py")],
    "singer": ["bash", str(HOME / "singer.sh")],
    "shell": ["bash", str(HOME / "shell.sh")],
}
TITLES = {
    "plain": "paramiko, pandas, `to_sql` into SQLite (eight times slower into DuckDB); bad rows: nulls",
    "dlt": "dlt 1.31, filesystem source read by DuckDB; bad rows: dropped unsaid",
    "singer": "Singer tap-sftp, target-duckdb, all columns as text, as a typed one ends at its first bad row; bad rows: loaded",
    "shell": "OpenSSH's `sftp`, DuckDB's shell; bad rows: dropped unsaid",
}
REACH = {"plain": (1.0, 0.5), "dlt": (1.0, 0.5), "singer": (1.0, 0.5), "shell": (1.2, 0.8)}
Made = dict[str, dict[str, int]]
TYPES = {"int64": "BIGINT", "timestamp": "TIMESTAMP"}


COUNT = """
import importlib, json, sys
database = importlib.import_module(sys.argv[1]).connect(sys.argv[2])
print(json.dumps([database.execute(f'select count(*) from "{name}"').fetchone()[0] for name in sys.argv[3:]]))
"""


def measure(runs: int, rows: int = ROWS) -> list[Row]:
    """Measure all; Singer, at more than twenty times ours, takes part in one turn only."""
    day = harness.DATA / f"day_{rows}"
    made = delivery.make(day, rows)
    with sshd() as server:
        others = {name: _contender(name, server, day, made) for name in TITLES}
        slow = others.pop("singer")
        figures = harness.interleaved([_ours(server, day, made), *others.values()], runs)
        figures |= harness.interleaved([slow], 1)
    what = f"{rows / 1e6:g}M rows in eight files, SFTP to tables; bad rows: quarantined"
    return [
        Row(what, figures["ours"], title, figures[name], *REACH[name])
        for name, title in TITLES.items()
    ]


def _ours(server: Server, day: Path, made: Made) -> Contender:
    root = harness.DATA / "others" / "ours"
    project = shop.opened(root, server, day)

    def check() -> None:
        _expect("ours", _counted("duckdb", root / "var" / "warehouse.duckdb", list(made)), made)
        told = project.told("report", "pull_responses", "--json")
        quarantined = sum(file["counts"]["quarantined"] for file in told["result"]["files"])
        if quarantined != sum(each["bad"] for each in made.values()):
            raise SystemExit(f"ours: {quarantined:,} rows are quarantined")

    return Contender("ours", project.command("run", "pull_responses"), project.empty, after=check)


def _contender(name: str, server: Server, day: Path, made: Made) -> Contender:
    work, venvs = harness.DATA / "others" / name, ready()
    driver, database = (
        ("sqlite3", work / "warehouse.sqlite")
        if name == "plain"
        else ("duckdb", work / "warehouse.duckdb")
    )
    tables = [file.removesuffix(".csv") for _, file, _ in delivery.tables()]

    def check() -> None:
        _expect(name, _counted(driver, database, tables), made)

    return Contender(
        name,
        ["env", "-C", str(work), *(each.format(venvs=venvs) for each in PROGRAMS[name])],
        before=partial(_prepare, work, server, day),
        environment={
            "PORT": str(server.port),
            "LOGIN": server.user,
            "KEY": str(server.key),
            "KNOWN_HOSTS": str(server.known_hosts),
            "FOLDER": str(day),
            "VENVS": str(venvs),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        },
        after=check,
    )


def _prepare(work: Path, server: Server, day: Path) -> None:
    """Empty a contender's folder and put there what its author would have written once."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tables = {
        file.removesuffix(".csv"): {
            name: TYPES.get(kind, "VARCHAR") for name, kind in columns.items()
        }
        for _, file, columns in delivery.tables()
    }
    (work / "tables.json").write_text(json.dumps(tables))
    (work / "load.sql").write_text("".join(_sql(name, each) for name, each in tables.items()))
    if work.name == "singer":
        singer.configure(work, server, day, list(tables))


def _sql(table: str, columns: dict[str, str]) -> str:
    typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    file = f"{delivery.FIRST_DAY:%Y%m%d}_{table}.csv"
    copy = f"COPY {table} FROM '{file}' (DELIMITER ';', HEADER, IGNORE_ERRORS);"
    return f"CREATE TABLE {table} ({typed});\n{copy}\n"


def _counted(driver: str, database: Path, tables: list[str]) -> list[int]:
    """Return the number of rows in each table; asked in a process of its own, as whoever measures must stay small."""
    command = [sys.executable, "-c", COUNT, driver, str(database), *tables]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603  the lines above
    counts: list[int] = json.loads(done.stdout)
    return counts


def _expect(name: str, found: list[int], made: Made) -> None:
    """End the benchmark where a contender lost good rows, or we took bad ones."""
    for count, (table, rows) in zip(found, made.items(), strict=True):
        most = rows["good"] + (0 if name == "ours" else rows["bad"])
        if not rows["good"] <= count <= most:
            raise SystemExit(f"{name}: {count:,} rows in {table} instead of {rows['good']:,}")
