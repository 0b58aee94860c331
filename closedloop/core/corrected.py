"""Rejected records read once more: as a person corrected them, or as they stood, once the schema was mended."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import polars as pl

from closedloop.core.grammar import NOT_UTF8, Grammar
from closedloop.core.header import Layout
from closedloop.core.parse import MAX_RECORD, Block, Broken, texts
from closedloop.core.validate import Checked, Rejected, check
from closedloop.model.table import Schema

MORE_THAN_ONE = "more than one record where one is expected"
NOTHING_LEFT = "nothing is left of the record"
TWO_WAYS = "corrected in two ways"
_ESCAPE = re.compile(r"\\x[89a-f][0-9a-f]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text for the record of a line; `rules` are those the line broke when it was last read."""

    line: int
    raw: str
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`right` holds line and stored columns of what is right now, `texts` its text by line.

    `wrong` gives every reason why another line is not; `warnings` counts what is right and breaks a rule that only warns, by column and rule.
    """

    right: pl.DataFrame
    texts: Mapping[int, str]
    wrong: list[Rejected]
    warnings: Mapping[tuple[str, str], int]


def judge(
    candidates: Sequence[Candidate], layout: Layout, schema: Schema, zone: ZoneInfo
) -> Verdict:
    """Read and check each candidate for itself, as the record of a file with this layout.

    Of several texts for one line one may be right: then the line is right.
    """
    checked = check(_block(candidates, layout, schema), schema, zone)
    places = checked.accepted["line"].to_list()
    times = Counter(candidates[place].line for place in places)
    wrong = [*checked.rejected]
    wrong += [Rejected(place, "", TWO_WAYS, candidates[place].raw) for place in places]
    named = [replace(reason, line=candidates[reason.line].line) for reason in wrong]
    once = [place for place in places if times[candidates[place].line] == 1]
    lines = pl.Series("line", [candidates[place].line for place in once], pl.Int64)
    right = checked.accepted.filter(pl.col("line").is_in(once)).with_columns(lines)
    return Verdict(
        right,
        {candidates[place].line: candidates[place].raw for place in once},
        sorted((r for r in named if times[r.line] != 1), key=lambda reason: reason.line),
        checked.warnings,
    )


def with_corrections(
    block: Block, checked: Checked, corrections: Mapping[int, str], schema: Schema, zone: ZoneInfo
) -> Checked:
    """Return a block's check with the rejected rows corrected that a person has corrected before."""
    mended = {row.line for row in checked.rejected} & corrections.keys()
    if not mended:
        return checked
    candidates = [Candidate(line, corrections[line]) for line in sorted(mended)]
    verdict = judge(candidates, block.layout, schema, zone)
    others = [row for row in checked.rejected if row.line not in mended]
    return Checked(
        accepted=pl.concat([checked.accepted, verdict.right]),
        rejected=sorted([*others, *verdict.wrong], key=lambda reason: reason.line),
        rejected_rows=checked.rejected_rows - verdict.right.height,
        warnings=Counter(checked.warnings) + Counter(verdict.warnings),
    )


class _Given:
    """The texts of records by their place in a list."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates

    def raw(self, lines: Iterable[int]) -> dict[int, str]:
        return {line: self._candidates[line].raw for line in lines}


def _block(candidates: Sequence[Candidate], layout: Layout, schema: Schema) -> Block:
    """Return the candidates as a block whose line numbers are their places in the list."""
    grammar = Grammar(schema.separator, layout.fields, MAX_RECORD)
    good, places, broken = list[bytes](), list[int](), list[Broken]()
    for place, candidate in enumerate(candidates):
        text = candidate.raw.removesuffix("\n").removesuffix("\r").encode() + b"\n"
        record = grammar.record(text, 0)
        if why := _wrong(candidate, text, grammar) or record.broken:
            broken.append(Broken(place, candidate.raw, why))
        elif record.end < len(text):
            broken.append(Broken(place, candidate.raw, MORE_THAN_ONE))
        else:
            good.append(grammar.quoted(record.fields))
            places.append(place)
    read = texts(good, layout, schema.separator)
    frame = read.rows.select(pl.Series("line", places, pl.Int64), *read.columns)
    return Block(frame, broken, 0, 0, layout, _Given(candidates))


def _wrong(candidate: Candidate, text: bytes, grammar: Grammar) -> str:
    """Say what is wrong with a text that would only seem to be a record."""
    if grammar.blank(text, 0):
        return NOTHING_LEFT
    if NOT_UTF8 in candidate.rules and _ESCAPE.search(candidate.raw):
        # The escapes stand for bytes that are no text; they are not what was delivered.
        return NOT_UTF8
    # Of a record that was too long only the beginning was kept.
    too_long = next((rule for rule in candidate.rules if rule.startswith("longer than")), "")
    return too_long if too_long.endswith("bytes") and len(text) > grammar.max_record else ""
