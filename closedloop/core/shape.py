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
FEW_TEXTS = 10
FEW_USUAL_TEXTS = 20
FEW_ROWS = 50
ALIKE, UNLIKE = 3, 10  # so many times more, or less, variety
_LIST = "^([0-9]+)(?:,[0-9]+)*$"
_KINDS = {"an address": "@", "a link": "://", "digits": _LIST}

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
        name: _Cells(found[name], [frame[name] for frame in usual])
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

    def __init__(self, found: pl.Series, usual: Sequence[pl.Series]) -> None:
        self.found = found.drop_nulls()
        self.usual = pl.concat(usual).drop_nulls()
        self.each = usual
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
    if len(mine.found) < FEW_TEXTS or len(mine.usual) < FEW_USUAL_TEXTS:
        return False
    if other.kind and mine.kind != other.kind and _kind(mine.found) == other.kind:
        return True
    known = _among(mine.found, other.usual) & ~_among(mine.found, mine.usual)
    return _share(known) >= NEARLY_ALL


def _among(cells: pl.Series, usual: pl.Series) -> pl.Series:
    return cells.is_in(usual.unique().implode())


def _has_left_its_kind(cells: _Cells) -> bool:
    return bool(cells.kind) and len(cells.found) > 0 and _kind(cells.found) != cells.kind


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
