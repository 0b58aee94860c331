"""Local times of a zone as UTC."""

from datetime import timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

_QUARTER = 15 * 60 * 1_000_000  # microseconds: no clock changes twice within a quarter of an hour
_DAY = 96 * _QUARTER
_MOST_QUARTERS = 31 * 24 * 4


def in_utc(local: pl.Series, zone: ZoneInfo) -> tuple[pl.Series, pl.Series]:
    """Return times in UTC, null where the clocks skip them, and which of them came twice; of these the first one counts."""
    offset = _offset(local, zone)
    if offset is not None:
        return local - offset, local != local  # noqa: PLR0124  false, and null where there is no time
    first, second = _placed(local, zone, "earliest"), _placed(local, zone, "latest")
    return first, first != second


def _placed(local: pl.Series, zone: ZoneInfo, which: Literal["earliest", "latest"]) -> pl.Series:
    placed = local.dt.replace_time_zone(zone.key, ambiguous=which, non_existent="null")
    return placed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _offset(local: pl.Series, zone: ZoneInfo) -> timedelta | None:
    """Return how far all times are from UTC if no clock changes between the first and the last: the usual case by far."""
    first, last = (local.to_physical().cast(pl.Int64).min(), local.to_physical().max())
    if not isinstance(first, int) or not isinstance(last, int):
        return None
    # Whole days first: the next blocks of a file are mostly of the same.
    offset = _constant(first - first % _DAY, last - last % _DAY + _DAY, zone)
    return offset or _constant(first - first % _QUARTER, last + _QUARTER, zone)


@lru_cache
def _constant(first: int, last: int, zone: ZoneInfo) -> timedelta | None:
    """Return how far all times in a span that begins with a quarter of an hour are from UTC, if that is one distance."""
    if last - first > _MOST_QUARTERS * _QUARTER:
        return None
    times = pl.int_range(first, last + 1, _QUARTER, eager=True).cast(pl.Datetime("us"))
    earliest, latest = _placed(times, zone, "earliest"), _placed(times, zone, "latest")
    offsets = (times - earliest).unique()
    is_constant = len(offsets) == 1 and (earliest == latest).all()
    found = offsets.item() if is_constant else None
    return found if isinstance(found, timedelta) else None
