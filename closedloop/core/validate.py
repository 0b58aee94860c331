"""Split the rows of a block into those that keep to their schema and those that do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from closedloop.core.clock import in_utc
from closedloop.core.columns import Check, checks, doubt, given, stored_expression
from closedloop.core.parse import Block
from closedloop.core.rules import rules_of
from closedloop.model.stored import StoredKind, stored_columns
from closedloop.model.table import Schema

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
    typed = _typed(block.frame, schema, zone)
    rules = [*_named(schema)]
    doubts = [doubt(column, clean=block.clean) for column in schema.columns.values()]
    doubtful = typed.filter(pl.any_horizontal(*doubts, *(rule.broken for rule in rules)))
    every = [*(c for column in schema.columns.values() for c in checks(column)), *rules]
    verdict = doubtful.select(c.broken.alias(str(place)) for place, c in enumerate(every))
    fatal = [str(place) for place, c in enumerate(every) if c.severity == "reject"]
    bad = verdict.select(
        pl.any_horizontal(pl.lit(value=False), *fatal).fill_null(value=False)
    ).to_series()
    lines = doubtful.get_column("line").filter(bad)
    reasons = verdict.filter(bad)
    return Checked(
        accepted=_without(typed.select("line", *stored(schema)), lines),
        rejected=_rejected(block, lines, [(every[int(place)], reasons[place]) for place in fatal]),
        rejected_rows=len(lines) + len(block.broken),
        warnings=_warnings(every, verdict.filter(~bad)),
    )


def _typed(frame: pl.DataFrame, schema: Schema, zone: ZoneInfo) -> pl.DataFrame:
    """What is stored, beside the text it was made from."""
    columns = schema.columns.values()
    texts = frame.rename({column.name: given(column.name) for column in columns})
    typed = texts.with_columns(stored_expression(column) for column in columns)
    for column in columns:
        if column.type == "timestamp":
            times, ambiguous = in_utc(typed[f"{column.name}_local"], zone)
            typed = typed.with_columns(
                times.alias(column.name), ambiguous.alias(f"{column.name}_ambiguous")
            )
    return typed


def _without(rows: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    return rows.filter(~rows["line"].is_in(lines.to_list())) if len(lines) else rows


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
