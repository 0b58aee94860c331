"""The columns that the warehouse's answers read: campaigns, link_clicks, suppressions and waves."""

from collections.abc import Iterator, Mapping

from closedloop.model.table import Column, ColumnType, Schema

TEXTS: tuple[ColumnType, ...] = ("string", "email", "enum")

IDS: Mapping[str, tuple[ColumnType, ...]] = {
    "mailing_id": ("int64",),
    "mailing_to_user_id": ("int64",),
}

READ: Mapping[str, Mapping[str, tuple[ColumnType, ...]]] = {
    "mailings": {
        "mailing_id": ("int64",),
        "campaign_id": (),
        "started_at": ("timestamp",),
        "finished_at": (),
    },
    "mailing_recipients": {
        **IDS,
        "recipient": TEXTS,
        "sent_at": ("timestamp",),
        "sending_status": TEXTS,
        "delivery_status": TEXTS,
        "response_category": TEXTS,
    },
    "links": {"mailing_id": ("int64",), "link_id": ("int64",), "name": (), "url": ()},
    "clicks": {**IDS, "link_id": ("int64",)},
    "opens": IDS,
    "automated_opens": IDS,
    "unsubscribes": {**IDS, "recipient": TEXTS, "unsubscribed_at": ("timestamp",)},
    "responses": {
        **IDS,
        "recipient": TEXTS,
        "responded_at": ("timestamp",),
        "category": TEXTS,
    },
}
"""The columns by schema, each with the types it may have (none: any)."""


def unanswerable(schemas: Mapping[str, Schema]) -> list[str]:
    """Return a sentence for each column that is not as the answers read it; they need the eight schemas of a delivery."""
    if not schemas.keys() >= READ.keys():
        return []
    return [sentence for name in READ for sentence in _lacking(schemas[name])]


def _lacking(schema: Schema) -> Iterator[str]:
    columns = {column.name: column for column in schema.columns.values()}
    where = f"schemas/{schema.name}.toml"
    for name, types in READ[schema.name].items():
        if name not in columns:
            yield (
                f'{where}: no column has name = "{name}", which the warehouse\'s answers read; write it at the column '
                f"that holds it, whatever its header, or where files lack it with optional = true and nullable = true"
            )
        elif types and columns[name].type not in types:
            yield _mistyped(where, columns[name], types)


def _mistyped(where: str, column: Column, types: tuple[ColumnType, ...]) -> str:
    wanted = " or ".join(f"'{each}'" for each in types)
    return f"{where}: column '{column.header}': type '{column.type}' is none that the warehouse's answers can read in '{column.name}'; make it {wanted}"
