"""The views of the warehouse as SQL: delivered rows as they are now, and the answers drawn from them."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from closedloop.model.stored import StoredColumn, stored_columns
from closedloop.model.table import Schema
from closedloop.warehouse.tables import column_list, delivered, is_derived, quoted, raw_name

ANSWERS = ("suppressions", "campaigns", "link_clicks", "waves")
"""The views written by hand in sql/, in the order in which they need each other."""

NEEDED = {
    "mailings",
    "mailing_recipients",
    "links",
    "clicks",
    "opens",
    "automated_opens",
    "unsubscribes",
    "responses",
}
"""The schemas that the answers read; without one of them there are no answers."""


class View(NamedTuple):
    """One view: its name and the query behind it."""

    name: str
    query: str


def views(schemas: Sequence[Schema]) -> list[View]:
    """Return the views over these schemas, each after those it reads."""
    wanted = [_current(schema) for schema in schemas]
    if {schema.name for schema in schemas} >= NEEDED:
        wanted.append(View("mailing_waves", _mailing_waves(schemas)))
        wanted += [View(name, text_of(name)) for name in ANSWERS]
    return [*wanted, View("deliveries", _deliveries([schema.name for schema in schemas]))]


def fingerprint(wanted: Sequence[View]) -> str:
    """Return a text that differs when any of the views does."""
    return hashlib.sha256(repr([tuple(view) for view in wanted]).encode()).hexdigest()


def suppressions_among(addresses: str) -> str:
    """Return the query behind the view `suppressions`, for those alone whose hash an `address` of a table has."""
    found = _read("suppressions")
    hashes = f"SELECT hash(address) AS who FROM {addresses}"
    for part, narrowed in (
        (
            "SELECT client, address_of(recipient) AS address, unsubscribed_at\n    FROM unsubscribes\n    WHERE recipient IS NOT NULL",
            _read("unsubscribed_by_hash").replace("SELECT who FROM asked", hashes),
        ),
        ("n.address IS NOT NULL", f"hash(n.address) IN ({hashes})"),
        ("SELECT who FROM often\n    UNION\n    SELECT hash(recipient) FROM unsubscribed", hashes),
    ):
        found = found.replace(part, narrowed)
    return _with_addresses(found)


def text_of(name: str) -> str:
    """Return the text of a file in sql/, with the address of a recipient as sql/address.sql makes it, and what it takes from others."""
    return _with_addresses(_read(name).replace("{judged}", _read("judged").strip()))


def _with_addresses(text: str) -> str:
    return text.replace("address_of(recipient)", _read("address").strip())


def _read(name: str) -> str:
    from importlib import resources

    return (resources.files("closedloop.warehouse") / "sql" / f"{name}.sql").read_text("utf-8")


def _current(schema: Schema) -> View:
    return View(schema.name, _newest(schema) if schema.key else _events(schema))


def _newest(schema: Schema) -> str:
    """Return the newest version of each key: all but those that are marked as outdated."""
    columns = ", ".join(f"r.{quoted(part.name)}" for part in stored_columns(schema))
    return f"""
SELECT l."client", {columns}, l."file", r."line"
FROM {quoted(raw_name(schema.name))} r
JOIN loads l ON l."load_id" = r."load_id"
WHERE NOT {_is_among("superseded")}"""


def _events(schema: Schema) -> str:
    """Return each event as often as the file that has it most often.

    Identical rows of one file are real; the same row in two files is the same event. Rows are the same
    if they were delivered the same: what is derived from a delivered value has no say. Only rows that are marked as contested
    need be compared.
    """
    columns = ", ".join(f"r.{quoted(part.name)}" for part in stored_columns(schema))
    parts = stored_columns(schema)
    derived = [part for part in parts if is_derived(part)]
    same = ", ".join(map(quoted, delivered(schema)))
    same_here = ", ".join(f"r.{quoted(name)}" for name in delivered(schema))
    least = "".join(f", {_least(part, '')}" for part in derived)
    least_here = "".join(f", {_least(part, 'r.')}" for part in derived)
    return f"""
SELECT l."client", {columns}
FROM {quoted(raw_name(schema.name))} r
JOIN loads l ON l."load_id" = r."load_id"
WHERE NOT {_is_among("contested")}
UNION ALL
SELECT "client", {column_list(schema)}
FROM (
    SELECT "client", {same}{least}, max("_times") AS "_times"
    FROM (
        SELECT l."client", r."load_id", {same_here}{least_here}, count(*) AS "_times"
        FROM {quoted(raw_name(schema.name))} r
        JOIN loads l ON l."load_id" = r."load_id"
        WHERE {_is_among("contested")}
        GROUP BY l."client", r."load_id", {same_here}
    ) in_each_file
    GROUP BY "client", {same}
) in_all_files
CROSS JOIN LATERAL generate_series(1, "_times") AS occurrence("_number")"""


def _is_among(marks: str) -> str:
    return (
        f'EXISTS (SELECT 1 FROM {marks} m WHERE m."load_id" = r."load_id" AND m."line" = r."line")'
    )


def _least(part: StoredColumn, table: str) -> str:
    function = "bool_and" if part.kind == "boolean" else "min"
    return f"{function}({table}{quoted(part.name)}) AS {quoted(part.name)}"


def _mailing_waves(schemas: Sequence[Schema]) -> str:
    """Return which of our waves a mailing's recipients name, where the platform sends WELLE_ID back."""
    log = next(schema for schema in schemas if schema.name == "mailing_recipients")
    named = any(c.name == "wave_id" and c.type == "int64" for c in log.columns.values())
    columns = '"client", "mailing_id", "wave_id"' if named else '"client", "mailing_id", 0'
    return f"""
SELECT "client", "mailing_id", "wave_id", count(*) AS "recipients"
FROM (SELECT {columns} FROM mailing_recipients) AS log("client", "mailing_id", "wave_id")
WHERE {'"wave_id" IS NOT NULL' if named else "1 = 0"}
GROUP BY "client", "mailing_id", "wave_id\""""


def _deliveries(names: Sequence[str]) -> str:
    """Return a row for each day between a client's first and last, with or without files."""
    came = ",\n    ".join(f"coalesce(a.{quoted(n)}, 0) = 1 AS {quoted(n)}" for n in names)
    count = " + ".join(f"coalesce(a.{quoted(n)}, 0)" for n in names)
    missing = ", ".join(f"CASE WHEN a.{quoted(n)} = 1 THEN NULL ELSE '{n}' END" for n in names)
    arrived = ",\n        ".join(
        f"max(CASE WHEN schema_name = '{n}' THEN 1 ELSE 0 END) AS {quoted(n)}" for n in names
    )
    return f"""
WITH days AS (
    SELECT s."client", CAST(d."at" AS DATE) AS "day"
    FROM (
        SELECT "client", CAST(min("day") AS TIMESTAMP) AS "first", CAST(max("day") AS TIMESTAMP) AS "last"
        FROM loads GROUP BY "client"
    ) s
    CROSS JOIN LATERAL generate_series(s."first", s."last", INTERVAL '1 day') AS d("at")
),
arrived AS (
    SELECT "client", "day",
        {arrived},
        CAST(sum(loaded) AS BIGINT) AS loaded, CAST(sum(quarantined) AS BIGINT) AS quarantined,
        count(*) AS files
    FROM loads GROUP BY "client", "day"
)
SELECT d."client", d."day",
    {came},
    {count} AS "came",
    concat_ws(', ', {missing}) AS "missing",
    coalesce(a.loaded, 0) AS "rows", coalesce(a.quarantined, 0) AS "rejects", coalesce(a.files, 0) AS "files"
FROM days d
LEFT JOIN arrived a ON a."client" = d."client" AND a."day" = d."day\""""
