"""Whether the columns of a file hold what they usually hold, or have changed places.

Two numbers, or two texts, may parse in each other's column. What gives them away is earlier files: a column is taken for
another when nearly all its cells look like the other's and not like its own, and the other holds something else by now, too.
"""

import math
from collections.abc import Callable, Sequence

import polars as pl

from closedloop.core.header import Layout
from closedloop.model.stored import stored_columns
from closedloop.model.table import Schema

ENOUGH = 5
"""From so many earlier rows on there is something usual."""

NEARLY_ALL = 0.9
HARDLY_ANY = 0.1
FAR = 100  # so many times nearer to the other's numbers than to its own
FEW_DIGITS = 10  # an address or a link is told by one cell, but a name may well be a year
FEW_USUAL_TEXTS = 20
FEW_ROWS = 50
ALIKE, UNLIKE = 3, 10  # so many times more, or less, variety
_LIST = "^([0-9]+)(?:,[0-9]+)*$"
DIGITS = "digits"
_KINDS = {"an address": "@", "a link": "://", DIGITS: _LIST}

Frames = Sequence[pl.DataFrame]


def may_be_shifted(layout: Layout, *, by_header: bool) -> bool:
    """Say whether a file's columns are told by their position, or stand in another order than the schema's."""
    places = [place for _, place in layout.places if place is not None]
    return not by_header or places != sorted(places)


def shifted(found: pl.DataFrame, usual: Frames, schema: Schema) -> dict[str, str]:
    """Return which columns of a file look like which other ones; `usual` are rows of earlier files, one frame each."""
    before = pl.concat(usual) if usual else found.clear()
    if before.height < ENOUGH:
        return {}
    names = [part.name for part in stored_columns(schema) if part.name == part.of]
    cells = {
        name: _Cells(found[name], [frame[name] for frame in usual], schema.column(name).values)
        for name in names
        if before.schema[name] in (pl.Int64, pl.String)
    }
    return (
        _strangers(cells, _is_like_numbers, _has_left_its_number)
        or _strangers(cells, _is_like_texts, _has_left_its_kind)
        or _strangers(cells, _repeats_like, lambda _cells: False)
    )


class _Cells:
    """The cells of one column: those of the file, and those of earlier files."""

    def __init__(
        self, found: pl.Series, usual: Sequence[pl.Series], declared: Sequence[str]
    ) -> None:
        every = pl.concat(usual)
        self.found = found.drop_nulls()
        self.usual = every.drop_nulls()
        self.each = usual
        self.is_of_a_list = bool(declared)
        self.known = {*declared, *self.usual.unique()} if found.dtype == pl.String else set()
        self.is_emptied = not len(self.found) and every.null_count() <= HARDLY_ANY * len(every)
        self.numbers = _numbers(self.found)
        self.low, self.high = _range(self.usual)
        self.kind = _kind(self.usual)


def _strangers(
    cells: dict[str, _Cells],
    is_like: Callable[[_Cells, _Cells], bool],
    has_left: Callable[[_Cells], bool],
) -> dict[str, str]:
    """Return the columns that are like another one whose own cells are gone from it."""
    like = {
        name: [other for other in cells if other != name and is_like(cells[name], cells[other])]
        for name in cells
    }
    found = {
        name: [other for other in others if like[other] or has_left(cells[other])]
        for name, others in like.items()
    }
    return {name: others[0] for name, others in found.items() if others}


def _numbers(cells: pl.Series) -> pl.Series | None:
    """Return cells as numbers, of a list in a text the first one; None if they are none, or there are no cells."""
    if cells.dtype == pl.String and _share(cells.str.contains(_LIST)) >= NEARLY_ALL:
        return cells.str.extract(_LIST).cast(pl.Float64).drop_nulls()
    return cells.cast(pl.Float64) if cells.dtype == pl.Int64 and len(cells) else None


def _range(cells: pl.Series) -> tuple[float, float]:
    """Return between which numbers nearly all cells lie; nowhere if they are no numbers."""
    numbers = _numbers(cells)
    if numbers is None:
        return float("nan"), float("nan")
    ends = (numbers.quantile(share, "nearest") for share in (0.02, 0.98))
    low, high = (float("nan") if end is None else end for end in ends)
    return low, high


def _is_like_numbers(mine: _Cells, other: _Cells) -> bool:
    if mine.numbers is None or math.isnan(mine.low) or math.isnan(other.low):
        return False
    return _share(_way(mine.numbers, other) * FAR < _way(mine.numbers, mine)) >= NEARLY_ALL


def _way(numbers: pl.Series, to: _Cells) -> pl.Series:
    """Return how far numbers are from a column's usual ones."""
    below, above = to.low - numbers, numbers - to.high
    return pl.select(pl.max_horizontal(below, above, pl.lit(0.0))).to_series()


def _has_left_its_number(cells: _Cells) -> bool:
    """Say whether a column that always held one number holds others by now."""
    if cells.numbers is None or cells.usual.n_unique() > 1:
        return False
    return _share(cells.numbers == cells.low) <= HARDLY_ANY


def _is_like_texts(mine: _Cells, other: _Cells) -> bool:
    if mine.found.dtype != pl.String or other.found.dtype != pl.String:
        return False
    return _is_of_the_kind(mine, other) or _holds_the_known(mine, other)


def _is_of_the_kind(mine: _Cells, other: _Cells) -> bool:
    if not other.kind or _kind(mine.found) != other.kind:
        return False
    enough, few = (FEW_USUAL_TEXTS, FEW_DIGITS) if other.kind == DIGITS else (ENOUGH, 1)
    if len(mine.found) < few or (len(mine.usual) < enough and not mine.is_of_a_list):
        return False
    return _share(mine.usual.str.contains(_KINDS[other.kind])) <= HARDLY_ANY


def _holds_the_known(mine: _Cells, other: _Cells) -> bool:
    """Say whether texts are such as the other column is known for and the own one is not, which a declared list tells."""
    if len(mine.usual) < FEW_USUAL_TEXTS and not mine.is_of_a_list:
        return False
    known = mine.found.is_in([*(other.known - mine.known)])
    return _share(known) >= NEARLY_ALL


def _has_left_its_kind(cells: _Cells) -> bool:
    """Say whether a column of one kind, or of a list of values, holds something else by now, or nothing any more."""
    if not cells.kind and not cells.is_of_a_list:
        return False
    if not len(cells.found):
        return cells.is_emptied
    if cells.is_of_a_list:
        return _share(cells.found.is_in([*cells.known])) <= HARDLY_ANY
    return _kind(cells.found) != cells.kind


def _kind(cells: pl.Series) -> str:
    """Return what nearly all texts are, if they are anything."""
    if cells.dtype != pl.String or not len(cells):
        return ""
    return next((k for k, p in _KINDS.items() if _share(cells.str.contains(p)) >= NEARLY_ALL), "")


def _repeats_like(mine: _Cells, other: _Cells) -> bool:
    """Say whether numbers repeat within the file as the other's do, and far from as usual: such as one ID for all rows."""
    if mine.numbers is None or other.numbers is None or len(mine.found) < FEW_ROWS:
        return False
    files = [each.drop_nulls() for each in (*mine.each, *other.each)]
    if min(map(len, files)) < FEW_ROWS:
        return False
    now, then, theirs = _variety([mine.found]), _variety(mine.each), _variety(other.each)
    return _times(now, theirs) <= ALIKE and _times(now, then) >= UNLIKE


def _variety(files: Sequence[pl.Series]) -> float:
    """Return the share of different cells within a file, on average."""
    return sum(each.n_unique() / len(each) for each in files) / len(files)


def _times(one: float, other: float) -> float:
    return max(one / other, other / one)


def _share(true: pl.Series) -> float:
    return float(true.fill_null(value=False).sum()) / len(true) if len(true) else 0.0


def sentence(found: dict[str, str], layout: Layout, schema: Schema) -> str:
    """Return what is wrong with a file whose columns changed places, and what to do."""
    places = dict(layout.places)
    looks = ", ".join(
        f"column {(places[name] or 0) + 1} ({name}) looks like {other}"
        for name, other in found.items()
    )
    return (
        f"compared with earlier files, {looks}; nothing of the file was loaded. Ask the platform which column stands where, and put "
        f'schemas/{schema.name}.toml in that order; if the file is right, set shifted = "ignore" there'
    )
