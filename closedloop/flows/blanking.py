"""Forgotten people in a later delivery: their rows are loaded without their names, and no copy keeps them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from closedloop import copies
from closedloop.core.forgotten import MAY_NAME_SOMEBODY, addresses_in, known, named_in
from closedloop.core.people import HIDDEN, People, hide, reading_of
from closedloop.core.validate import Checked, Rejected
from closedloop.model.privacy import Forgotten
from closedloop.model.stored import StoredColumn, stored_columns
from closedloop.model.table import Schema

AGAIN = "names somebody who was forgotten; loaded without the name"


class Blanking:
    """One file's rows on their way into the warehouse; it costs nothing while nobody is forgotten."""

    def __init__(self, schema: Schema, forgotten: Forgotten) -> None:
        self._schema = schema
        self._forgotten = forgotten
        self._met: set[str] = set()
        texts = [part for part in stored_columns(schema) if part.kind == "text"]
        self._personal = [part for part in stored_columns(schema) if part.personal]
        self._recipients = [part for part in texts if part.personal]
        self._texts = [part for part in texts if not part.personal and _is_free(part, schema)]

    def of(self, checked: Checked) -> Checked:
        """Return a checked block without the forgotten; what was blanked is counted as a warning."""
        if not self._forgotten:
            return checked
        again = dict(checked.warnings)
        accepted = checked.accepted
        for part in self._recipients:
            theirs = known(accepted[part.name], self._forgotten)
            if rows := int(theirs.sum()):
                again[part.of, AGAIN] = rows
                self._met.update(accepted[part.name].filter(theirs).to_list())
                accepted = _blanked(accepted, self._personal, theirs)
        for part in self._texts:
            accepted = self._hidden(accepted, part)
        rejected = [self._emptied(reason) for reason in checked.rejected]
        return replace(checked, accepted=accepted, rejected=rejected, warnings=again)

    def clear(self, path: Path) -> None:
        """Put those that were met out of sight in the file itself, which is to be kept as a copy."""
        if not self._met:
            return
        people = People(sorted(self._met))
        copies.rewrite(path, _cleared(path, people, self._schema), path.stat().st_size)

    def _hidden(self, rows: pl.DataFrame, part: StoredColumn) -> pl.DataFrame:
        """Hide their addresses in a column of other texts, such as links."""
        texts = rows[part.name].unique().drop_nulls()
        clean = {
            text: HIDDEN
            for text in texts.filter(texts.str.contains(MAY_NAME_SOMEBODY))
            if self._meets(addresses_in(text, self._forgotten))
        }
        return rows.with_columns(pl.col(part.name).replace(clean)) if clean else rows

    def _emptied(self, reason: Rejected) -> Rejected:
        """Return a rejected row without its text, if that names one of them."""
        named = named_in(reason.raw, self._schema.separator, self._forgotten)
        return replace(reason, raw=HIDDEN) if self._meets(named) else reason

    def _meets(self, named: list[str]) -> bool:
        self._met.update(named)
        return bool(named)


def _is_free(part: StoredColumn, schema: Schema) -> bool:
    """Say whether a column holds text of any kind, not words of a list or times."""
    return schema.column(part.of).type in ("string", "email")


def _blanked(
    rows: pl.DataFrame, personal: list[StoredColumn], theirs: pl.Series
) -> pl.DataFrame:  # fmt: skip
    return rows.with_columns(
        pl.when(~theirs).then(pl.col(part.name)).alias(part.name) for part in personal
    )


def _cleared(path: Path, people: People, schema: Schema) -> Iterator[bytes]:
    reading = None
    for stretch in copies.lines(path):
        reading = reading or reading_of(stretch.partition(b"\n")[0], schema)
        ended = stretch if stretch.endswith(b"\n") else stretch + b"\n"
        yield hide(ended, people, reading).text[: len(stretch)]
