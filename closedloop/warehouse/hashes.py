"""The hashes of who unsubscribed, kept beside their rows so that a send need not read each of their addresses.

They change in the transaction in which the rows do, and say only where to look: whoever has the hash of an address is
compared by the address itself.
"""

from typing import TYPE_CHECKING

from closedloop.warehouse.tables import literal
from closedloop.warehouse.views import text_of

if TYPE_CHECKING:
    import duckdb

UNSUBSCRIBES = "unsubscribes"
# Short texts are hashed in another way than long ones; of how letters are folded, the rule itself and what comes of it count.
PROBE = (
    "(SELECT xor(xor(hash('short'), hash('longer than twelve letters')), "
    f"xor(hash({text_of('address')}), hash({literal(text_of('address'))}))) "
    "FROM (SELECT '\u2003\u00c4\u0130\u00df\u03c2E\u0301@example.com\u00a0' AS recipient))"
)


def draw(connection: "duckdb.DuckDBPyConnection", loads: str) -> None:
    """Draw the hashes of some loads, in the place of what was drawn of them."""
    connection.execute(f"DELETE FROM unsubscribed_hashes WHERE {loads}")
    known = f"SELECT 1 FROM marked WHERE schema_name = '{UNSUBSCRIBES}' AND counted <> ''"
    if connection.execute(known).fetchall():
        connection.execute(
            f"INSERT INTO unsubscribed_hashes SELECT load_id, line, hash({text_of('address')}) "
            f"FROM raw_{UNSUBSCRIBES} WHERE recipient IS NOT NULL AND {loads}"
        )


def keep_up_with_duckdb(connection: "duckdb.DuckDBPyConnection") -> None:
    """Draw all hashes anew where this DuckDB makes others than the one that drew them."""
    drawn = connection.execute(f"SELECT hashed = {PROBE} FROM schema_version").fetchall()
    if drawn != [(True,)]:
        draw(connection, "true")
        connection.execute(f"UPDATE schema_version SET hashed = {PROBE}")
