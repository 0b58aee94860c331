"""Split the rows of a block into those that keep to their schema and those that do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from closedloop.core import columns
from closedloop.core.columns import Check, checks, doubt, given, is_proven
from closedloop.core.parse import Block
from closedloop.core.plain import are_one
from closedloop.core.rules import rules_of
from closedloop.model.stored import StoredKind, stored_columns
from closedloop.model.table import Column, Schema

_READ = ("int64", "timestamp")
_DTYPES: dict[StoredKind, pl.DataType] = {
    "int64": pl.Int64(),
    "text": pl.String(),
    "timestamp": pl.Datetime("us"),
    "boolean": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One reason to quarantine one record; `column` is empty where the line as a whole is broken."""

    line: int
    column: str
    rule: str
    raw: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A block after its check: `rejected_rows` is how many records `rejected` speaks of.

    `accepted` holds `line` and the stored columns of the schema. `rejected` gives every reason of every
    rejected record, by line. `warnings` counts the accepted rows that break a rule which only warns, by column
    and rule.
    """

    accepted: pl.DataFrame
    rejected: list[Rejected]
    rejected_rows: int
    warnings: dict[tuple[str, str], int]


def stored(schema: Schema) -> dict[str, pl.DataType]:
    """Return the types of the stored columns of a schema in order, without the line number."""
    return {column.name: _DTYPES[column.kind] for column in stored_columns(schema)}


def check(block: Block, schema: Schema, zone: ZoneInfo) -> Checked:
    """Cast every value of a block and hold every rule against every row; timestamps are local to `zone`.

    A null passes every rule but `missing`.
    """
    typed = _typed(block, schema, zone)
    rules = [*_named(schema)]
    doubts = [doubt(column, clean=block.clean) for column in typed.doubtful]
    places = _where(typed.rows, [*doubts, *(rule.broken for rule in rules)])
    every = [*(c for column in typed.doubtful for c in checks(column)), *rules]
    verdict = typed.rows[places].select(c.broken.alias(str(place)) for place, c in enumerate(every))
    fatal = [str(place) for place, c in enumerate(every) if c.severity == "reject"]
    bad = _where(verdict, fatal)
    reasons = verdict[bad]
    accepted = _without(typed.rows.select("line", *stored(schema)), places[bad])
    lines = typed.rows["line"][places[bad]]
    return Checked(
        accepted=accepted,
        rejected=_rejected(block, lines, [(every[int(place)], reasons[place]) for place in fatal]),
        rejected_rows=len(lines) + len(block.broken),
        warnings=_warnings(every, _without(verdict, bad)),
    )


@dataclass(frozen=True, slots=True)
class _Typed:
    """What is stored, beside the text it was made from; of the `doubtful` columns some row may break a rule."""

    rows: pl.DataFrame
    doubtful: list[Column]


def _typed(block: Block, schema: Schema, zone: ZoneInfo) -> _Typed:
    series, doubtful = [block.frame["line"]], list[Column]()
    for column in schema.columns.values():
        texts = block.frame[column.name]
        # Of many equal texts one tells all.
        seen = texts.head(1) if column.type in _READ and are_one(texts) else texts
        parts = columns.stored(column, seen, zone)
        if not is_proven(column, seen, parts, clean=block.clean):
            doubtful.append(column)
        if len(seen) < len(texts):
            parts = [part.new_from_index(0, len(texts)) for part in parts]
        series += [texts.alias(given(column.name)), *parts]
    return _Typed(pl.DataFrame(series), doubtful)


def _where(rows: pl.DataFrame, any_of: Sequence[pl.Expr | str]) -> pl.Series:
    """Return the places of the rows of which one of these is true."""
    found = rows.select(pl.any_horizontal(pl.lit(value=False), *any_of)).to_series()
    # Without any row polars makes one of what does not depend on rows.
    return found.head(rows.height).arg_true()


def _without(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """Return all rows but those; column by column, for polars' own way takes twice the time."""
    if not len(places):
        return rows
    kept = pl.repeat(value=True, n=rows.height, eager=True).scatter(places, values=False)
    return pl.DataFrame([column.filter(kept) for column in rows])


def _named(schema: Schema) -> Iterator[Check]:
    names = [column.name for column in schema.columns.values()]
    values = {name: pl.col(name) for name in stored(schema)}
    for rule in rules_of(schema):
        about = ", ".join(name for name in rule.columns if name in names)
        yield Check(about, rule.sentence, ~rule.holds(values), rule.severity)


def _rejected(
    block: Block, lines: pl.Series, reasons: list[tuple[Check, pl.Series]]
) -> list[Rejected]:
    raw = block.raw(lines.to_list())
    found = [Rejected(broken.line, "", broken.rule, broken.raw) for broken in block.broken]
    for why, broken in reasons:
        about = lines.filter(broken).to_list()
        found += [Rejected(line, why.column, why.rule, raw[line]) for line in about]
    return sorted(found, key=lambda reason: reason.line)


def _warnings(every: list[Check], kept: pl.DataFrame) -> dict[tuple[str, str], int]:
    counts = ((c, kept[str(place)].sum()) for place, c in enumerate(every) if c.severity == "warn")
    return {(c.column, c.rule): int(rows) for c, rows in counts if rows}
