import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from closedloop.core.clock import in_utc

CHANGES = {
    "Europe/Berlin": ["2021-03-28 02:00", "2021-10-31 02:00"],
    "America/New_York": ["2024-03-10 02:00", "2024-11-03 01:00"],
    "Australia/Lord_Howe": ["2023-10-01 02:00", "2024-04-07 01:30"],
    "Asia/Kathmandu": ["1986-01-01 00:00"],
    "UTC": ["1970-01-01 00:00"],
}


def by_python(local: datetime, zone: ZoneInfo) -> tuple[datetime | None, bool | None]:
    first = local.replace(tzinfo=zone).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        return None, None
    return first.replace(tzinfo=None), first != second


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_times_about_a_change_of_the_clocks_are_those_of_python(name: str) -> None:
    zone, dice = ZoneInfo(name), random.Random(name)  # noqa: S311 dice, not keys
    for change in CHANGES[name]:
        for _ in range(60):
            about = datetime.fromisoformat(change) + timedelta(minutes=dice.randrange(-300, 300))
            width = dice.choice([1, 60, 3600, 40_000])
            local = [about + timedelta(seconds=dice.randrange(width)) for _ in range(20)]
            utc, twice = in_utc(pl.Series([*local, None], dtype=pl.Datetime("us")), zone)
            expected = [by_python(each, zone) for each in local]
            assert utc.to_list() == [each for each, _ in expected] + [None]
            assert twice.to_list() == [each for _, each in expected] + [None]


def test_no_time_at_all_is_no_time_in_utc() -> None:
    nothing = pl.Series([None, None], dtype=pl.Datetime("us"))
    utc, twice = in_utc(nothing, ZoneInfo("Europe/Berlin"))
    assert [*utc, *twice] == [None] * 4
