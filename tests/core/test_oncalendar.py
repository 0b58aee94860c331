import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.oncalendar import gaps, on_calendar
from closedloop.core.slots import slots_between

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 6 * * 2", ["Tue *-*-* 06:00:00 Europe/Berlin"]),
        ("0 6 * * mon-fri", ["Mon,Tue,Wed,Thu,Fri *-*-* 06:00:00 Europe/Berlin"]),
        ("0 6 * * 0", ["Sun *-*-* 06:00:00 Europe/Berlin"]),
        ("0 6 * * 7", ["Sun *-*-* 06:00:00 Europe/Berlin"]),
        ("*/20 8-18,22 * * *", ["*-*-* 08..18,22:00,20,40:00 Europe/Berlin"]),
        ("0 6 1,15 jan *", ["*-01-01,15 06:00:00 Europe/Berlin"]),
    ],
)
def test_a_schedule_has_its_words(schedule: str, words: list[str]) -> None:
    assert on_calendar(schedule, BERLIN) == words


def test_a_day_of_the_month_or_of_the_week_are_two_events() -> None:
    assert on_calendar("0 6 13 * 5", BERLIN) == [
        "Fri *-*-* 06:00:00 Europe/Berlin",
        "*-*-13 06:00:00 Europe/Berlin",
    ]


def test_a_day_field_that_begins_with_a_star_limits_the_other() -> None:
    (event,) = on_calendar("0 6 */10 * 5", BERLIN)
    assert event == "Fri *-*-01,11,21,31 06:00:00 Europe/Berlin"


def test_a_slot_in_the_hour_that_is_left_out_fires_after_it() -> None:
    assert on_calendar("30 2 * * *", BERLIN)[1:] == ["Sun *-03-25..31 03:00:00 Europe/Berlin"]
    assert on_calendar("30 2 * * 2", BERLIN)[1:] == []


def test_the_gaps_of_a_zone_are_known() -> None:
    found = [start for start, _ in gaps(ZoneInfo("America/New_York"))]
    assert datetime.fromisoformat("2026-03-08T02:00") in found
    assert not [*gaps(ZoneInfo("UTC"))]


Fires = Callable[[str, datetime, datetime], list[datetime]]


@pytest.fixture
def fires(systemd_analyze: str) -> Fires:
    """Say when systemd itself says that an event comes."""

    def moments(event: str, first: datetime, last: datetime) -> list[datetime]:
        base = f"--base-time={first:%Y-%m-%d %H:%M:%S} UTC"
        said = subprocess.run(  # noqa: S603 our own words
            [systemd_analyze, "calendar", "--iterations=100", base, event],
            check=True, capture_output=True, text=True, env={"TZ": "UTC"},
        ).stdout  # fmt: skip
        found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", said)
        times = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at in found]
        assert len(times) < 100 or times[-1] >= last
        return [at for at in times if at < last]

    return moments


@pytest.mark.parametrize("start", ["2026-03-20", "2026-10-20"])
@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("0 6 * * 2", "Europe/Berlin"),
        ("30 2 * * *", "Europe/Berlin"),
        ("*/30 1-4 * * sun", "America/New_York"),
        ("15 23 20-23 * 1", "Asia/Kolkata"),
        ("0 6 */2 * 1-5", "Europe/London"),
        ("5 0,12 1 */3 *", "Australia/Lord_Howe"),
    ],
)
def test_systemd_fires_at_each_slot_or_at_the_end_of_the_hour_that_is_left_out(
    schedule: str, zone: str, start: str, fires: Fires
) -> None:
    known = ZoneInfo(zone)
    first = datetime.fromisoformat(f"{start}T12:00Z")
    last = first + timedelta(days=14)
    fired = {at for event in on_calendar(schedule, known) for at in fires(event, first, last)}
    slots = {
        slot
        for slot in slots_between(schedule, first, last, known)
        if not slot.astimezone(known).fold
    }
    ends = {end.replace(tzinfo=known).astimezone(UTC) for _, end in gaps(known)}
    assert slots - fired == set()
    assert fired - slots <= ends
