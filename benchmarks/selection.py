"""Who of a million customers is mailed: selected, five million suppressed taken out, written; beside DuckDB's bare `COPY` of the same."""

import argparse
import gc
import tomllib
from pathlib import Path

from benchmarks.measure import DATA, HERE, Contender, Row, interleaved, python

CUSTOMERS = 1_000_000
SUPPRESSED = 5_000_000
QUERY = "SELECT email AS Email, salutation AS Anrede, first_name AS Vorname, last_name AS Nachname FROM customers"
WAREHOUSE = DATA / "selection.duckdb"
WRITTEN = DATA / "selection"


def measure(runs: int) -> list[Row]:
    """Measure both in turns."""
    if not WAREHOUSE.exists():
        _generate(WAREHOUSE)
    WRITTEN.mkdir(exist_ok=True)
    module = "benchmarks.selection"
    figures = interleaved(
        [Contender(name, python(module, name)) for name in ("ours", "bare")],
        runs,
    )
    what = f"select + suppress ({SUPPRESSED:,} suppressed) + write of {CUSTOMERS:,} recipients"
    return [
        Row(what, figures["ours"], "DuckDB `COPY (SELECT ...) TO csv`", figures["bare"], 3, 1.5)
    ]


def _generate(path: Path) -> None:
    """Fill a warehouse: a customer in ten left, and many who were no customers."""
    import duckdb

    from closedloop.model.settings import Suppression
    from closedloop.model.table import Schema
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    texts = [path.read_text() for path in sorted((HERE.parent / "schemas").glob("*.toml"))]
    schemas = [Schema.model_validate(tomllib.loads(text)) for text in texts]
    responses = [schema for schema in schemas if schema.name != "subscribers"]
    with DuckDBWarehouse(path, 5, Suppression()) as warehouse:
        warehouse.prepare(responses)
    with duckdb.connect(path) as db:
        db.execute(
            "CREATE TABLE customers AS SELECT 'kunde' || n || '@example.com' AS email, 'Frau' AS salutation, "
            f"'Vorname' || n % 1000 AS first_name, 'Nachname ' || n % 5000 AS last_name FROM range({CUSTOMERS}) t(n)"
        )
        db.execute(
            "INSERT INTO loads SELECT 1, 'de', 'unsubscribes', '20260101_unsubscribes.csv', DATE '2026-01-01', 1, "
            f"TIMESTAMP '2026-01-01', repeat('0', 64), {SUPPRESSED}, {SUPPRESSED}, 0, 0, 0, TIMESTAMP '2026-01-01'"
        )
        db.execute(
            "INSERT INTO raw_unsubscribes BY NAME SELECT 1 AS load_id, n + 1 AS line, 1000 + n // 10000 AS mailing_id, "
            "10000000 + n AS mailing_to_user_id, 77 AS client_id, 'kunde' || n * 10 || '@example.com' AS recipient, "
            "TIMESTAMP '2025-01-01' + to_seconds(n) AS unsubscribed_at, "
            "unsubscribed_at AS unsubscribed_at_local, "
            f"false AS unsubscribed_at_ambiguous FROM range({SUPPRESSED}) t(n)"
        )
        db.execute("DELETE FROM marked")


def ours() -> None:
    """Select, suppress and write as a send does."""
    # As the program itself starts (`cli.main`).
    gc.set_threshold(100_000)
    from datetime import UTC, datetime
    from functools import partial

    from closedloop.errorfiles import ErrorFiles
    from closedloop.flows.build import Wanted, build
    from closedloop.flows.ports import Ports
    from closedloop.flows.suppress import up_to_date
    from closedloop.ledger import Ledger
    from closedloop.model.job import Selection
    from closedloop.model.settings import Client, Suppression
    from closedloop.model.table import Schema
    from closedloop.remote.base import quiet
    from closedloop.remote.memory import MemoryRemote
    from closedloop.selection import selected
    from closedloop.state import StateFolder
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    texts = {
        path.stem: path.read_text() for path in sorted((HERE.parent / "schemas").glob("*.toml"))
    }
    schemas = {name: Schema.model_validate(tomllib.loads(text)) for name, text in texts.items()}
    state = StateFolder(WRITTEN)
    with (
        DuckDBWarehouse(WAREHOUSE, 5, Suppression()) as warehouse,
        Ledger(WRITTEN / "ledger.sqlite") as ledger,
    ):
        ports = Ports(
            client=Client(
                host="localhost", user="nobody", password_env="NONE", host_keys=("none",)
            ),
            client_name="de",
            remote=MemoryRemote(),
            warehouse=warehouse,
            ledger=ledger,
            state=state,
            responses=[schema for name, schema in schemas.items() if name != "subscribers"],
            blocklist=[],
            rows=partial(selected, root=WRITTEN, warehouse=warehouse),
            watch=lambda _title: quiet,
            errors=ErrorFiles(state),
        )
        up_to_date("de", ports)
        fills = {"source_mailing": 44018617811, "wave": int(f"{datetime.now(UTC):%Y%m%d%H%M%S}")}
        wanted = Wanted(
            "de", "send", Selection(sql=QUERY), schemas["subscribers"], "newsletter", fills
        )
        built = build(wanted, state.outbox("de", "subscribers.csv"), ports)
    if (built.selected, built.dropped) != (CUSTOMERS, {"unsubscribed": CUSTOMERS // 10}):
        raise SystemExit(f"{built.selected} selected, {built.dropped}")


def bare() -> None:
    """Write the customers with DuckDB alone."""
    import duckdb

    with duckdb.connect(WAREHOUSE, read_only=True) as db:
        db.execute(
            f"COPY ({QUERY}) TO '{WRITTEN / 'bare.csv'}' (DELIMITER ';', HEADER false, QUOTE '\"')"
        )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("contender", choices=["ours", "bare"])
    {"ours": ours, "bare": bare}[arguments.parse_args().contender]()
