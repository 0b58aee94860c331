"""The warehouse's own tables in DuckDB: made, or made of those that an older program left."""

from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.errors import WarehouseError
from closedloop.warehouse.views import text_of

if TYPE_CHECKING:
    import duckdb

VERSION = 5
"""The version of sql/tables.sql."""

CHANGES = {
    2: (
        "ALTER TABLE sent_waves ADD COLUMN resend_of BIGINT",
        "ALTER TABLE sent_waves ADD COLUMN confirmed_at TIMESTAMP",
        "ALTER TABLE sent_waves ADD COLUMN confirmed_by VARCHAR",
    ),
    3: (
        "CREATE TABLE superseded (load_id INTEGER NOT NULL, line BIGINT NOT NULL)",
        "CREATE TABLE contested (load_id INTEGER NOT NULL, line BIGINT NOT NULL)",
        "CREATE TABLE sending_log_counts (load_id INTEGER NOT NULL, mailing_id BIGINT, sending_status VARCHAR, delivery_status VARCHAR, response_category VARCHAR, recipients BIGINT NOT NULL)",
        "CREATE TABLE marked (schema_name VARCHAR NOT NULL, likeness VARCHAR NOT NULL, ranked VARCHAR NOT NULL, span VARCHAR NOT NULL, counted VARCHAR NOT NULL)",
    ),
    4: (
        "CREATE TABLE noted (load_id INTEGER NOT NULL, line BIGINT NOT NULL, mailing_to_user_id BIGINT, address VARCHAR USING COMPRESSION uncompressed, sent_at TIMESTAMP, mailing_id BIGINT, sending_status VARCHAR, delivery_status VARCHAR, response_category VARCHAR)",
    ),
    5: (
        "CREATE TABLE unsubscribed_hashes (load_id INTEGER NOT NULL, line BIGINT NOT NULL, who UBIGINT NOT NULL)",
        "ALTER TABLE schema_version ADD COLUMN hashed UBIGINT",
    ),
}
"""What makes a warehouse of each version out of the one before; local times become times once the schemas are known (`local_times`)."""


def bring_up_to_date(connection: "duckdb.DuckDBPyConnection", path: Path, *, is_new: bool) -> None:
    """Create the tables, or change those that are there; raises `WarehouseError` where a newer program made them."""
    if is_new:
        connection.execute(text_of("tables"))
        connection.execute("INSERT INTO schema_version VALUES (?, NULL, NULL)", [VERSION])
    ((version,),) = connection.execute("SELECT version FROM schema_version").fetchall()
    if version > VERSION:
        raise WarehouseError(
            f"the warehouse {path} was made by a newer closedloop; install that version"
        )
    for newer in range(version + 1, VERSION + 1):
        for statement in CHANGES[newer]:
            connection.execute(statement)
        connection.execute("UPDATE schema_version SET version = ?", [newer])
