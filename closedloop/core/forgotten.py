"""Who of many is somebody that asked to be forgotten."""

import re

import polars as pl

from closedloop.core.recipients import all_normalised
from closedloop.model.privacy import Forgotten

MAY_NAME_SOMEBODY = r"@|%40"
_LIKE_AN_ADDRESS = re.compile(r"[^\s'\"()<>,;:=&?/|]+@[\w.-]*\w")


def folded(values: pl.Series) -> pl.Series:
    """Return recipients as they are compared: addresses as everywhere, a customer's own key by the letter."""
    text = values.cast(pl.String)
    small = all_normalised(text)
    plain = text.str.strip_chars()
    return small.zip_with(small.str.contains("@", literal=True), plain)


def known(values: pl.Series, forgotten: Forgotten) -> pl.Series:
    """Return which of these recipients were forgotten; a null is nobody, what was blanked before is somebody.

    `values` are texts. A text of asterisks alone is what a copy of a file holds in place of a recipient.
    """
    each = values.unique().drop_nulls()
    theirs = pl.Series(forgotten.known(folded(each).to_list()), dtype=pl.Boolean)
    found = each.filter(theirs | each.str.contains(r"^\*+$"))
    if found.is_empty():
        return pl.repeat(value=False, n=len(values), eager=True)
    return values.is_in(found.to_list()).fill_null(value=False)


def addresses_in(text: str, forgotten: Forgotten) -> list[str]:
    """Return the addresses of the forgotten that stand in a text, as they stand there once decoded."""
    words = pl.Series([*_LIKE_AN_ADDRESS.findall(_decoded(text))], dtype=pl.String)
    return words.filter(known(words, forgotten)).to_list()


def _decoded(text: str) -> str:
    """Return a text with the bytes that a link writes as `%40`."""
    given = re.sub(
        rb"%[0-9A-Fa-f]{2}", lambda found: bytes.fromhex(found[0][1:].decode()), text.encode()
    )
    return given.decode(errors="replace")


def named_in(line: str, separator: str, forgotten: Forgotten) -> list[str]:
    """Return the forgotten whom a line names, be it a record or a broken one: by their addresses, or by a whole field."""
    fields = pl.Series([field.strip(' "') for field in line.split(separator)], dtype=pl.String)
    fields = fields.filter(fields != "")
    return [*fields.filter(known(fields, forgotten)), *addresses_in(line, forgotten)]


def without_forgotten(
    addresses: pl.Series, reasons: pl.Series, forgotten: Forgotten
) -> pl.Series:  # fmt: skip
    """Return the reasons why rows are not mailed, with those who were forgotten; a row that does not fit keeps its own."""
    if not forgotten:
        return reasons
    rows = pl.DataFrame({"reason": reasons, "theirs": known(addresses, forgotten)})
    theirs = pl.when("theirs").then(pl.lit("forgotten"))
    return rows.select(pl.coalesce("reason", theirs).alias("reason")).to_series()
