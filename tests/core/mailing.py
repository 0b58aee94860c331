"""A layout to write recipients in, rows that were selected for it, and what is decided of them."""

from typing import Any

import polars as pl

from closedloop.core.recipients import decide, fit, in_our_words
from closedloop.model.table import Column, Schema

NOBODY = pl.DataFrame(schema={"address": pl.String, "reason": pl.String})


def column(header: str, **given: Any) -> Column:
    """Return a nullable text column, unless told otherwise."""
    plain = {"header": header, "name": header.lower(), "type": "string", "nullable": True}
    return Column.model_validate({**plain, **given})


def schema_of(*columns: Column, **given: Any) -> Schema:
    """Return a schema of subscribers."""
    by_header = {column.header: column for column in columns}
    return Schema(name="subscribers", file="{date:%Y%m%d%H%M%S}.csv", columns=by_header, **given)


EMAIL = column("Email", type="email", nullable=False, max_length=30, personal=True)
SOURCE = column("BROADMAIL_ID", type="int64", nullable=False, filled="source_mailing")
WAVE = column("WELLE_ID", type="int64", filled="wave")
NAME = column("Vorname", personal=True, max_length=10)
LAYOUT = schema_of(EMAIL, SOURCE, WAVE, NAME)


def reasons_of(
    batch: pl.DataFrame,
    suppressed: pl.DataFrame = NOBODY,
    blocklist: tuple[str, ...] = (),
    schema: Schema = LAYOUT,
) -> list[str | None]:
    """Say of each row why it is dropped, or that it is not."""
    fitted = fit(batch, schema, "newsletter")
    return decide(fitted.address, fitted.reason, suppressed, blocklist).to_list()


def mailing_to(*addresses: str | None, **columns: list[Any]) -> pl.DataFrame:
    """Return selected rows, all of them called Anna."""
    names = ["Anna"] * len(addresses)
    return pl.DataFrame({"Email": addresses, "Vorname": names, **columns})


def left(**reasons: str) -> pl.DataFrame:
    """Those who left, as a warehouse tells of them that took none of their signs for another."""
    spelled = pl.DataFrame({"recipient": [*reasons], "address": [*reasons]})
    gone = pl.DataFrame({"address": [*reasons], "reason": [*reasons.values()]})
    return in_our_words(gone, spelled)
