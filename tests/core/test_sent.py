"""Which slot a wave belongs to, also where the clock was wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from closedloop.core.sent import built_since, is_of_another_time, sent_in
from closedloop.model.wave import Wave, WaveState

SLOT = datetime(2026, 11, 24, 5, tzinfo=UTC)
WEEK, YEAR, HOUR = timedelta(days=7), timedelta(days=364), timedelta(hours=1)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

MakeWave = Callable[..., Wave]


@pytest.fixture
def wave() -> MakeWave:
    """Make waves, one after the other, in the slot that their clock shows."""
    made: list[Wave] = []

    def make(built: datetime, slot: datetime | None = None, job: str = "send") -> Wave:
        made.append(
            Wave(
                client="de",
                wave_id=len(made) + 1,
                job=job,
                source_mailing=1,
                file="a.csv",
                slot=slot or built,
                test=False,
                state=WaveState.PUBLISHED,
                selected=1,
                written=1,
                dropped={},
                size=1,
                sha256="",
                built_at=built,
            )
        )
        return made[-1]

    return make


def test_a_wave_is_of_its_slot_however_late_it_was_built(wave: MakeWave) -> None:
    late = wave(SLOT + HOUR, SLOT)
    assert sent_in(SLOT, "send", [late]) == late
    assert sent_in(SLOT + WEEK, "send", [late]) is None
    assert sent_in(SLOT, "other", [late]) is None


def test_a_wave_built_since_a_slot_began_is_of_it_after_the_schedule_was_edited(
    wave: MakeWave,
) -> None:
    edited = wave(SLOT + HOUR, SLOT + HOUR / 2)
    assert sent_in(SLOT, "send", [edited]) == edited
    at_once = wave(SLOT, SLOT - HOUR)
    assert sent_in(SLOT, "send", [at_once]) == at_once


def test_a_clock_set_back_by_an_hour_makes_no_second_wave(wave: MakeWave) -> None:
    sent = wave(SLOT)
    assert sent_in(SLOT - WEEK, "send", [sent]) == sent
    assert not is_of_another_time(sent, SLOT - WEEK, SLOT - HOUR)


def test_a_clock_set_back_by_a_year_is_told(wave: MakeWave) -> None:
    sent = wave(SLOT)
    assert sent_in(SLOT - YEAR, "send", [sent]) == sent
    assert is_of_another_time(sent, SLOT - YEAR, SLOT - YEAR)


def test_a_wave_of_a_clock_that_was_ahead_counts_until_a_later_one_shows_when_it_was(
    wave: MakeWave,
) -> None:
    ahead = wave(SLOT + YEAR)
    assert sent_in(SLOT, "send", [ahead]) == ahead
    assert is_of_another_time(ahead, SLOT, SLOT)
    again = wave(SLOT + HOUR, SLOT)
    assert sent_in(SLOT, "send", [ahead, again]) == again
    assert sent_in(SLOT + WEEK, "send", [ahead, again]) is None
    assert sent_in(SLOT + YEAR, "send", [ahead, again]) is None


def test_a_test_and_a_resend_are_of_no_slot(wave: MakeWave) -> None:
    sent = wave(SLOT)
    assert sent_in(SLOT, "send", [replace(sent, test=True)]) is None
    assert sent_in(SLOT, "send", [replace(sent, resend_of=1)]) is None


@pytest.mark.parametrize("early", [SECOND, DAY])
def test_a_wave_that_a_slow_clock_built_too_early_is_of_the_slot_it_was_built_for(
    wave: MakeWave, early: timedelta
) -> None:
    sent = wave(SLOT - early, SLOT)
    assert sent_in(SLOT, "send", [sent]) == sent
    assert sent_in(SLOT, "send", [replace(sent, slot=SLOT - WEEK)]) is None


def test_a_wave_built_more_than_a_day_before_its_slot_is_not_of_it(wave: MakeWave) -> None:
    assert sent_in(SLOT, "send", [wave(SLOT - DAY - SECOND, SLOT)]) is None


def test_a_clock_is_wrong_by_more_than_a_day(wave: MakeWave) -> None:
    sent = wave(SLOT)
    assert not is_of_another_time(sent, SLOT - WEEK, SLOT - DAY)
    assert is_of_another_time(sent, SLOT - WEEK, SLOT - DAY - SECOND)


def test_waves_built_since_a_slot_began_are_those_not_older_than_any_after_them(
    wave: MakeWave,
) -> None:
    before, ahead, at, later = (wave(SLOT + each) for each in (-SECOND, YEAR, HOUR * 0, HOUR))
    waves = [before, ahead, at, later]
    assert built_since(SLOT, waves) == {ahead.wave_id, at.wave_id, later.wave_id}
    assert built_since(SLOT + SECOND, waves) == {later.wave_id}
