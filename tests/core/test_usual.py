"""What is usual, and what is far enough from it that a person should look."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from closedloop.core.usual import (
    Volume,
    bouncing,
    earlier_waves,
    is_odd_wave,
    usual_wave,
    volumes,
)
from closedloop.model.run import MailingFigures, PullResult
from closedloop.model.wave import Wave, WaveState
from tests.core.letters import DAY, FILES, NOW, WAVE, load

CLICKS = next(file for file in FILES if file.schema == "clicks")
OUT = WaveState.CONFIRMED


def volume_of(rows: int, *weeks_before: int) -> Volume:
    """Return the volume of a day's clicks after such ones on the same weekday, the week before first."""
    before = [
        load("clicks", DAY - timedelta(weeks=week), had) for week, had in enumerate(weeks_before, 1)
    ]
    (volume,) = volumes([CLICKS], [load("clicks", DAY, rows), *before])
    return volume


def mailing(number: int, bounced: int, days: float, recipients: int = 100) -> MailingFigures:
    return MailingFigures(number, NOW - timedelta(days=days), recipients, bounced)


def noted(*mailings: MailingFigures) -> list[int]:
    return [found.mailing_id for found, _ in bouncing(PullResult(mailings=mailings))]


def earlier(weeks: int, **changed: Any) -> Wave:
    at = NOW - timedelta(weeks=weeks)
    wave = replace(WAVE, wave_id=WAVE.wave_id - weeks, state=OUT, built_at=at, published_at=at)
    return replace(wave, **changed)


def test_the_usual_volume_is_the_middle_of_at_least_three_weeks() -> None:
    assert volume_of(100, 100, 300).usual is None
    assert volume_of(100, 100, 300, 900).usual == 300
    assert volume_of(100, *[200] * 8, *[900] * 20).usual == 200


def test_other_weekdays_and_schemas_are_no_measure() -> None:
    others = [load("clicks", DAY - timedelta(days=day), 900) for day in range(1, 7)]
    others += [load("opens", DAY - timedelta(weeks=week), 900) for week in range(1, 9)]
    (volume,) = volumes([CLICKS], [load("clicks", DAY, 5), *others])
    assert volume == Volume("clicks", DAY, 5, None)


def test_the_files_of_a_day_are_one_volume_with_its_rejected_rows() -> None:
    loads = [load("clicks", DAY, 5), load("clicks", DAY, 7), load("clicks", date(2020, 1, 1), 9)]
    loads[1] = replace(loads[1], counts=replace(loads[1].counts, quarantined=3))
    assert volumes([CLICKS, CLICKS], loads) == [Volume("clicks", DAY, 15, None)]


@pytest.mark.parametrize(
    ("rows", "usual", "is_odd"),
    [
        (39, 100, True),
        (40, 100, False),
        (250, 100, False),
        (251, 100, True),
        (0, 100, True),
        (1, 49, False),
        (0, 50, True),
        (50, 10, True),
        (49, 10, False),
        (900, None, False),
    ],
)
def test_a_volume_is_odd_far_from_a_usual_one_that_is_worth_it(
    rows: int, usual: int | None, *, is_odd: bool
) -> None:
    assert Volume("clicks", DAY, rows, usual).is_odd is is_odd


def test_a_fresh_mailing_is_held_against_three_older_ones() -> None:
    older = [mailing(number, 2, 8 + number) for number in range(3)]
    assert noted(mailing(9, 4, 1), *older) == [9]
    assert noted(mailing(9, 3, 1), *older) == []
    assert noted(mailing(9, 4, 1), *older[1:]) == []
    assert noted(mailing(9, 1, 1), *(replace(each, bounced=0) for each in older)) == [9]


def test_a_mailing_of_a_week_ago_is_an_older_one() -> None:
    older = [mailing(number, 2, 8 + number) for number in range(2)]
    assert noted(mailing(9, 4, 1), mailing(2, 2, 8), *older) == [9]
    assert noted(mailing(9, 4, 1), mailing(2, 2, 7.9), *older) == []


def test_a_small_mailing_is_neither_told_nor_a_measure() -> None:
    older = [mailing(number, 2, 8 + number) for number in range(3)]
    assert noted(mailing(9, 90, 1, recipients=99), mailing(8, 2, 1), *older) == []
    small = [mailing(number, 0, 20 + number, recipients=99) for number in range(9)]
    assert noted(mailing(9, 4, 1), *small) == []
    assert noted() == []


def test_the_waves_before_are_those_of_the_job_that_went_out_the_latest_first() -> None:
    ours = [earlier(week) for week in (2, 1, 3)]
    others = [
        earlier(1, job="other"),
        earlier(1, test=True),
        earlier(1, resend_of=1),
        earlier(1, state=WaveState.UNKNOWN),
        earlier(-1),
        WAVE,
    ]
    found = earlier_waves(WAVE, [*ours, *others])
    assert found == [ours[1], ours[0], ours[2]]
    assert earlier_waves(replace(WAVE, resend_of=1), ours) == []


def test_a_wave_is_as_old_as_its_publication() -> None:
    late = earlier(1, published_at=NOW + timedelta(seconds=1))
    assert earlier_waves(WAVE, [late]) == []
    unsaid = earlier(1, published_at=None)
    assert earlier_waves(WAVE, [unsaid]) == [unsaid]


def test_the_usual_wave_is_the_middle_of_the_last_eight() -> None:
    assert usual_wave([earlier(week, written=10 * week) for week in (1, 2)]) is None
    assert usual_wave([earlier(week, written=10 * week) for week in (1, 2, 3)]) == 20
    assert usual_wave([earlier(1, written=10)] * 8 + [earlier(1, written=90)] * 20) == 10


@pytest.mark.parametrize(
    ("written", "usual", "is_odd"),
    [(69, 100, True), (70, 100, False), (140, 100, False), (141, 100, True), (5, None, False)],
)
def test_a_wave_is_odd_below_seven_tenths_and_above_fourteen(
    written: int, usual: int | None, *, is_odd: bool
) -> None:
    assert is_odd_wave(earlier(1, written=written), usual) is is_odd
