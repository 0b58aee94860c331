"""The gist of the sending log, kept beside it so that the answers need not read the largest of tables.

It is counted file by file (`sending_log_counts`), and those of its rows are `noted` at which the answers look one by one: they
tell of a bounce or a reply, or a bounce among the responses speaks of them, or an unsubscribe that names no recipient.
Rows that a newer one outdates are in neither. Both change in the transaction in which the rows do.
"""

from typing import TYPE_CHECKING

from closedloop.model.stored import stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse.views import text_of

if TYPE_CHECKING:
    import duckdb

LOG = "mailing_recipients"
COUNTED = "mailing_id, sending_status, delivery_status, response_category"
"""What `campaigns` counts the sending log by."""

NOTED = f"mailing_to_user_id, {text_of('address')}, sent_at, {COUNTED}"
READ = {
    LOG: {"mailing_to_user_id", "recipient", "sent_at", *COUNTED.split(", ")},
    "responses": {"mailing_to_user_id", "recipient", "category"},
    "unsubscribes": {"mailing_to_user_id", "recipient"},
}
"""By which columns of which schemas the gist is drawn."""

TELLING = (
    "(r.delivery_status IN ('HARD', 'SOFT') OR r.response_category IN "
    "('unknown', 'autoresponder', 'fatal_bounce', 'bounce', 'temporary_bounce'))"
)
SPEAKING = {
    "responses": "category IN ('fatal_bounce', 'bounce', 'temporary_bounce')",
    "unsubscribes": "recipient IS NULL",
}
"""Which rows of other schemas speak of rows of the sending log that need not be telling themselves."""

# DuckDB takes ten times as long for NOT EXISTS where loads are named.
CURRENT = f"raw_{LOG} r ANTI JOIN superseded USING (load_id, line)"


def gist_of(schema: Schema) -> str:
    """Return a text that tells how the gist is drawn from a schema; empty if it has no say, or not all that it needs."""
    read = READ.get(schema.name)
    if not read or not read <= {part.name for part in stored_columns(schema)}:
        return ""
    return NOTED if schema.name == LOG else SPEAKING[schema.name]


def draw(connection: "duckdb.DuckDBPyConnection", loads: str) -> None:
    """Draw the gist of some loads of the sending log, of which there is none yet."""
    known = _known(connection)
    if LOG not in known:
        return
    connection.execute(
        f"INSERT INTO sending_log_counts SELECT load_id, {COUNTED}, count(*) FROM {CURRENT} "
        f"WHERE {loads} GROUP BY ALL"
    )
    if known == READ.keys():
        _note(connection, f"{loads} AND {TELLING}")
        speaking = " UNION ALL ".join(_speaking(schema, "true") for schema in SPEAKING)
        _note(connection, f"{loads} AND {_spoken_of(speaking)}")


def draw_anew(connection: "duckdb.DuckDBPyConnection", loads: str) -> None:
    """Draw the gist of some loads of the sending log in the place of what was drawn of them."""
    for table in ("sending_log_counts", "noted"):
        connection.execute(f"DELETE FROM {table} WHERE {loads}")
    draw(connection, loads)


def note_spoken_of(connection: "duckdb.DuckDBPyConnection", schema: str, loads: str) -> None:
    """Note the rows of the sending log of which some loads of another schema speak."""
    if schema not in SPEAKING or _known(connection) != READ.keys():
        return
    speaking = _speaking(schema, loads)
    if connection.execute(f"{speaking} LIMIT 1").fetchall():
        _note(connection, _spoken_of(speaking), "ANTI JOIN noted USING (load_id, line)")


def _known(connection: "duckdb.DuckDBPyConnection") -> set[str]:
    """Return the schemas that are there and have all that is read of them."""
    found = connection.execute("SELECT schema_name FROM marked WHERE counted <> ''").fetchall()
    return {name for (name,) in found}


def _speaking(schema: str, loads: str) -> str:
    return f"SELECT mailing_to_user_id FROM raw_{schema} WHERE {SPEAKING[schema]} AND {loads}"


def _spoken_of(speaking: str) -> str:
    return f"r.mailing_to_user_id IN ({speaking}) AND {TELLING} IS NOT TRUE"


def _note(connection: "duckdb.DuckDBPyConnection", condition: str, but_for: str = "") -> None:
    connection.execute(
        f"INSERT INTO noted SELECT load_id, line, {NOTED} FROM {CURRENT} {but_for} WHERE {condition}"
    )
