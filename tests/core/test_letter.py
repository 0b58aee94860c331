"""What the operators are told of a pull and of a wave, and in which figures."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from closedloop.core.letter import letter_for
from closedloop.core.past import Past
from closedloop.model.run import FileStatus, PullResult, SendResult
from closedloop.model.wave import Wave
from tests.core.letters import (
    DAY,
    ENGLISH,
    FILES,
    GERMAN,
    MISSING,
    NOW,
    REFUSED,
    REJECTING,
    SEND,
    WAVE,
    mailings,
    past,
    pulled,
    report,
    said,
    seen,
    sent,
)


def test_the_subject_of_a_pull_says_it_all() -> None:
    result = PullResult((*FILES[:3], REJECTING, *FILES[4:]))
    assert pulled(result).subject == (
        "[closedloop] de pull 2026-11-20: 8 files, 35,988 rows, 12 rejected"
    )
    assert pulled(result, tongue=GERMAN).subject == (
        "[closedloop] de pull 20.11.2026: 8 Dateien, 35.988 Zeilen, 12 abgewiesen"
    )


def test_the_subject_names_what_is_wrong_and_the_days_of_several() -> None:
    older = replace(FILES[3], day=date(2026, 11, 18))
    result = PullResult((REFUSED, older, FILES[4]), (MISSING,), halts=("x.error",))
    assert pulled(result).subject == (
        "[closedloop] de pull 2026-11-18 to 2026-11-20: 2 files, 9,000 rows, 0 rejected, 1 failed, 1 missing, "
        "the platform's import has halted"
    )


def test_a_good_pull_is_green_and_asks_for_nothing() -> None:
    letter = pulled(PullResult(FILES))
    assert (letter.tone, letter.verdict) == ("good", "All well")
    assert "2026-11-20 | 8 / 8 | -" in said(letter)
    assert "All jobs at a glance: closedloop status" in said(letter)


def test_a_pull_says_what_was_expected_what_is_missing_and_for_how_long() -> None:
    letter = pulled(PullResult(FILES, (MISSING,)))
    assert letter.tone == "watch"
    assert "2026-11-18 | 0 / 8 | clicks (12 days left)" in said(letter)
    last = replace(MISSING, days_left=0)
    urgent = pulled(PullResult(FILES, (last,)), tongue=GERMAN)
    assert urgent.tone == "bad"
    assert "18.11.2026 | 0 / 8 | clicks (heute ist der letzte Tag)" in said(urgent)


def test_a_pull_says_what_was_rejected_by_which_rule() -> None:
    letter = pulled(PullResult((REJECTING,)))
    assert "clicks | link_id: not a whole number | 9" in said(letter)
    assert "clicks | 4 fields where 6 are expected | 3" in said(letter)
    in_german = said(pulled(PullResult((REJECTING,)), tongue=GERMAN))
    assert "clicks | link_id: keine ganze Zahl | 9" in in_german
    assert "clicks | 4 Felder, wo 6 erwartet werden | 3" in in_german


def test_a_refused_file_comes_with_its_reason_and_the_command() -> None:
    letter = pulled(PullResult((REFUSED, *FILES[1:])))
    assert letter.tone == "bad"
    assert "20261120_mailings.csv was refused: half is bad" in said(letter)
    assert "closedloop restart pull_responses" in said(letter)
    assert "2026-11-20 | 8 / 8 | mailings (refused)" in said(letter)


@pytest.mark.parametrize(
    ("before", "odd"),
    [
        pytest.param((12000, 11000, 13000), True, id="a third of it"),
        pytest.param((1200, 1100, 1000), True, id="nearly four times"),
        pytest.param((3800, 4100, 4400), False, id="about the same"),
        pytest.param((12000, 11000), False, id="too few weeks to know"),
    ],
)
def test_a_volume_far_from_the_weekday_s_usual_is_named(before: tuple[int, ...], odd: bool) -> None:  # noqa: FBT001 a claim
    letter = pulled(PullResult(FILES), past(*before))
    assert ("clicks of 2026-11-20: 4,000 rows, usually" in said(letter)) is odd
    assert letter.tone == ("watch" if odd else "good")


def test_a_mailing_that_bounces_more_than_the_ones_before_is_named() -> None:
    letter = pulled(PullResult(FILES, mailings=mailings(83)))
    assert "Mailing 100 of 2026-11-19: 8.3% bounced, usually 2.0%" in said(letter)
    calm = pulled(PullResult(FILES, mailings=mailings(25)))
    assert "usually" not in said(calm)
    assert "100 | 2026-11-19 06:00 CET | 1,000 | 2.5%" in said(calm)


def test_the_bar_of_a_few_bounces_is_short() -> None:
    letter = pulled(PullResult(FILES, mailings=mailings(25)[:1]))
    (table,) = (s.table for s in letter.sections if s.title == "Latest mailings")
    assert table
    assert [row[3].share for row in table.rows] == [0.025]


def test_a_wave_s_letter_adds_up() -> None:
    letter = sent()
    assert (
        letter.subject
        == "[closedloop] de send_newsletter 2026-11-20: 48,210 recipients, 1,790 dropped"
    )
    lines = said(letter)
    for line in ("selected | 50,000", "- unsubscribed | 1,102", "- invalid address | 688"):
        assert line in lines
    assert "= written | 48,210" in lines
    assert "Wave | 20261120060000" in lines
    assert "- Adresse ungültig | 688" in said(sent(tongue=GERMAN))


def earlier(written: int) -> tuple[Wave, ...]:
    return tuple(
        replace(
            WAVE,
            wave_id=WAVE.wave_id - week,
            written=written,
            built_at=NOW - timedelta(weeks=week),
            published_at=NOW - timedelta(weeks=week),
        )
        for week in (1, 2, 3)
    )


def test_a_wave_far_from_the_usual_is_named() -> None:
    odd = sent(waves=(WAVE, *earlier(100000)))
    assert odd.tone == "watch"
    assert "This wave has 48,210 recipients, usually there are 100,000." in said(odd)
    assert sent(waves=(WAVE, *earlier(48000))).tone == "good"


def test_a_test_says_that_it_is_one() -> None:
    assert "TEST" in sent(replace(WAVE, test=True)).subject


def test_a_wave_that_never_was_is_not_described() -> None:
    empty = replace(WAVE, selected=9, written=0, dropped={"unsubscribed": 9}, published_at=None)
    letter = letter_for(report(SendResult(empty, "nobody to mail")), SEND, Past(), ENGLISH)
    assert letter
    assert "- unsubscribed | 9" in said(letter)
    assert str(WAVE.wave_id) not in said(letter)
    assert "by itself: closedloop run send_newsletter" in said(letter)


@pytest.mark.parametrize("files", [400, 16])
def test_a_long_list_ends_with_how_many_more(files: int) -> None:
    many = tuple(replace(REFUSED, day=DAY - timedelta(days=n)) for n in range(files))
    assert (f"and {files - 16} more" in said(pulled(PullResult(many)))) == (files > 16)


def test_of_several_days_the_newest_come_first_and_the_rest_is_counted_below() -> None:
    days = [date(2026, 11, 18), date(2026, 11, 19), DAY]
    files = [replace(file, day=day) for day in days for file in FILES]
    files[0] = replace(files[0], status=FileStatus.REFUSED, detail="half is bad")
    (section,) = (s for s in pulled(PullResult(tuple(files))).sections if s.title == "Files")
    assert section.table
    named = [row[0].text for row in section.table.rows]
    assert named[0] == f"{FILES[0].schema} 2026-11-18: refused"
    assert named[1:9] == [f"{file.schema} 2026-11-20" for file in FILES]
    assert (section.sentences, section.table.more) == ((), ("and 8 more",))


def test_a_pull_says_how_many_of_a_wave_were_seen() -> None:
    letter = pulled(seen())
    assert letter.tone == "good"
    assert "Wave 20261120060000: 48,210 written, 48,198 seen, 12 not seen (mailing 7)" in said(
        letter
    )
    assert "20261120060000 | 48,210 | 48,198" in said(letter)


def test_a_wave_that_the_import_log_alone_confirms_is_not_called_seen() -> None:
    letter = pulled(seen(seen=None, confirmed_by="import log"), tongue=GERMAN)
    assert "20261120060000 | 48.210 | importiert" in said(letter)
    assert "laut Importprotokoll der Plattform importiert, in den Response-Daten" in said(letter)


def test_a_wave_that_was_mailed_twice_is_urgent() -> None:
    letter = pulled(seen(mailings=2))
    assert letter.tone == "bad"
    assert letter.subject.endswith("0 rejected, 1 mailed twice")
    assert "was mailed twice: 2 mailings carry its WELLE_ID" in said(letter)


def test_a_wave_that_nobody_has_seen_is_named_with_its_days() -> None:
    old = replace(WAVE, published_at=NOW - timedelta(days=8))
    letter = pulled(PullResult(unseen=(old,)), tongue=GERMAN)
    assert letter.subject == "[closedloop] de pull 20.11.2026: nichts Neues, 1 nicht gesehen"
    assert "ging vor 7 Tagen hinaus" in said(letter)
