"""The views `campaigns` and `suppressions` over a sending log of a hundred million rows, beside DuckDB's bare count of its rows by mailing."""

import argparse
import subprocess
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import DATA, HERE, Contender, Row, interleaved, python

if TYPE_CHECKING:
    import duckdb

ROWS = 100_000_000
FILE_ROWS = 250_000
"""A mailing to so many people is a file; a row in a hundred comes again in the next file, bounced."""
EVENTS = {
    "responses": (
        100,
        "responded_at",
        ", CASE WHEN n % 300 = 0 THEN 'fatal_bounce' ELSE 'bounce' END AS category",
    ),
    "opens": (10, "opened_at", ""),
    "clicks": (50, "clicked_at", ", 5 AS link_id"),
    "unsubscribes": (500, "unsubscribed_at", ""),
}
"""One of so many recipients does it, then the column of its time, and what else it takes."""
QUERIES = {
    "bare": "SELECT mailing_id, count(*) FROM raw_mailing_recipients GROUP BY mailing_id",
    "campaigns": "SELECT * FROM campaigns",
    "suppressions": "SELECT client, reason, count(*), sum(hard), sum(soft), max(since) FROM suppressions GROUP BY ALL",
}


def measure(runs: int) -> list[Row]:
    """Measure both views and the count in turns."""
    path = DATA / f"views_{ROWS}.duckdb"
    # In a process of its own: what this one grew to would count as the contenders' peak.
    subprocess.run(python("benchmarks.views", "fill", str(path)), check=True)  # noqa: S603  this module
    contenders = [Contender(name, python("benchmarks.views", name, str(path))) for name in QUERIES]
    figures = interleaved(contenders, runs)
    beside = "DuckDB's `count(*) GROUP BY mailing_id`"
    return [
        Row(
            f"view `{name}`, {ROWS:,} recipients rows",
            figures[name],
            beside,
            figures["bare"],
            10,
            3,
        )
        for name in ("campaigns", "suppressions")
    ]


def fill(path: Path, rows: int) -> None:
    """Fill a warehouse inside DuckDB, unless it is there, and let it be marked as after an update."""
    from closedloop.model.settings import Suppression
    from closedloop.model.table import Schema
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    texts = [each.read_text() for each in sorted((HERE.parent / "schemas").glob("*.toml"))]
    schemas = [Schema.model_validate(tomllib.loads(text)) for text in texts]
    responses = [schema for schema in schemas if schema.name != "subscribers"]
    part = path.with_suffix(".part")
    if not path.exists():
        part.unlink(missing_ok=True)
        with DuckDBWarehouse(part, 5, Suppression()) as warehouse:
            warehouse.prepare(responses)
        began = time.perf_counter()
        _pour(part, rows)
        part.rename(path)
        print(f"  filled in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    with DuckDBWarehouse(path, 5, Suppression()) as warehouse:
        warehouse.prepare(responses)
    print(f"  marked in {time.perf_counter() - began:.0f} s", flush=True)


def _pour(path: Path, rows: int) -> None:
    import duckdb

    with duckdb.connect(path, config={"memory_limit": "2GB"}) as db:
        db.execute("SET enable_progress_bar = false")
        files = rows // FILE_ROWS
        for place, name in enumerate(("mailings", "mailing_recipients", *EVENTS)):
            _note_loads(db, name, place * files, files)
        db.execute(
            "INSERT INTO raw_mailings BY NAME SELECT i AS load_id, 2 AS line, 5000000 + i AS mailing_id, 77 AS client_id, "
            f"TIMESTAMP '2024-01-01' + to_days(i::INTEGER) AS started_at FROM range({files}) t(i)"
        )
        for first in range(0, rows, 40 * FILE_ROWS):
            _send(db, first, min(rows, first + 40 * FILE_ROWS), files)
        for place, (name, (step, moment, more)) in enumerate(EVENTS.items()):
            _react(db, name, f"range(0, {rows}, {step}) t(n)", (place + 2) * files, moment, more)
        db.execute("DELETE FROM marked")


def _note_loads(db: "duckdb.DuckDBPyConnection", name: str, first: int, files: int) -> None:
    day = "DATE '2024-01-01' + i::INTEGER"
    db.execute(
        f"INSERT INTO loads SELECT {first} + i, 'de', '{name}', strftime({day}, '%Y%m%d') || '_{name}.csv', {day}, 1, {day}, "
        f"repeat('0', 64), 1, 1, 0, 0, 0, {day} FROM range({files}) t(i)"
    )


def _moment(name: str) -> str:
    at = f"(TIMESTAMP '2024-01-01' + to_days((n // {FILE_ROWS})::INTEGER) + to_seconds(n % 80000))"
    return f"{at} AS {name}, {at} AS {name}_local, false AS {name}_ambiguous"


def _who(load: str, line: str) -> str:
    return (
        f"{load} AS load_id, {line} AS line, 1000000000 + n AS mailing_to_user_id, 5000000 + n // {FILE_ROWS} AS mailing_id, "
        "77 AS client_id, 'kunde' || hash(n) % 3000000 || '@example.com' AS recipient"
    )


def _send(db: "duckdb.DuckDBPyConnection", first: int, end: int, files: int) -> None:
    source, load = f"range({first}, {end}) t(n)", f"{files} + n // {FILE_ROWS}"
    status = "CASE WHEN n % 100 = 3 THEN 'HARD' WHEN n % 67 = 5 THEN 'SOFT' ELSE 'OK' END"
    again = f"least({load} + 1, {2 * files - 1})"
    db.execute(
        f"INSERT INTO raw_mailing_recipients BY NAME "
        f"SELECT {_who(load, f'2 + n % {FILE_ROWS}')}, {_moment('sent_at')}, 'sent' AS sending_status, "
        f"{status} AS delivery_status FROM {source} UNION ALL BY NAME "
        f"SELECT {_who(again, f'{2 * FILE_ROWS} + n % {FILE_ROWS}')}, {_moment('sent_at')}, 'sent' AS sending_status, "
        f"'SOFT' AS delivery_status FROM {source} WHERE n % 100 = 7 ORDER BY load_id, line"
    )


def _react(
    db: "duckdb.DuckDBPyConnection", name: str, source: str, load: int, moment: str, more: str
) -> None:
    who = _who(f"{load} + n // {FILE_ROWS}", f"2 + n % {FILE_ROWS}")
    db.execute(
        f"INSERT INTO raw_{name} BY NAME SELECT {who}, {_moment(moment)}{more} FROM {source} ORDER BY load_id, line"
    )


def main() -> None:
    """Fill a warehouse, or ask one of the questions, as the program itself opens its own."""
    from closedloop.model.settings import Suppression
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("act", choices=["fill", *QUERIES])
    arguments.add_argument("warehouse", type=Path)
    given = arguments.parse_args()
    if given.act == "fill":
        fill(given.warehouse, ROWS)
        return
    with DuckDBWarehouse(given.warehouse, 5, Suppression(), read_only=True) as warehouse:
        if not warehouse.rows(QUERIES[given.act]):
            raise SystemExit("no rows")


if __name__ == "__main__":
    main()
