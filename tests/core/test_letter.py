"""What the operators are told, when, and in which words."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from closedloop.cli import COMMANDS
from closedloop.core.german import NOUNS, PATTERNS, WORDS
from closedloop.core.letter import letter_for
from closedloop.core.letter_suspension import recovered_letter, suspended_letter
from closedloop.core.past import Past
from closedloop.core.report import as_json
from closedloop.core.tongue import Tongue
from closedloop.core.trouble import Failure, describe
from closedloop.model.error_file import Case, ErrorFile, Problem, Resolution
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.job import RESPONSE_SCHEMAS, MailWhen, PullJob, Selection, SendJob
from closedloop.model.letter import Letter
from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MailingFigures,
    MissingFile,
    PullResult,
    RunReport,
    SendResult,
)
from closedloop.model.wave import Wave, WaveState

ROOT = Path(__file__).parents[2] / "closedloop"
NOW = datetime(2026, 11, 20, 5, 0, 41, tzinfo=UTC)
DAY = date(2026, 11, 20)
ENGLISH = Tongue("en", ZoneInfo("Europe/Berlin"))
GERMAN = Tongue("de", ZoneInfo("Europe/Berlin"))
PULL = PullJob(name="pull_responses", kind="pull", client="de")
SEND = SendJob(
    name="send_newsletter", kind="send", client="de", source_mailing=1, consent="newsletter",
    selection=Selection(file="customers.csv"),
)  # fmt: skip
FILES = tuple(
    FileOutcome(
        f"20261120_{schema}.csv", schema, DAY, FileStatus.LOADED, Counts(loaded=1000 * number)
    )
    for number, schema in enumerate(RESPONSE_SCHEMAS, 1)
)
REJECTING = replace(
    FILES[3],
    counts=Counts(loaded=3988, quarantined=12),
    rejects=(("link_id", "not a whole number", 9), ("", "4 fields where 6 are expected", 3)),
)
REFUSED = replace(FILES[0], status=FileStatus.REFUSED, counts=Counts(), detail="half is bad")
MISSING = MissingFile("clicks", date(2026, 11, 18), 12)
WAVE = Wave(
    client="de", wave_id=20261120060000, job="send_newsletter", source_mailing=1,
    file="20261120060000_subscribers.csv", slot=NOW, test=False, state=WaveState.PUBLISHED,
    selected=50000, written=48210, dropped={"unsubscribed": 1102, "invalid address": 688},
    size=1, sha256="", built_at=NOW, published_at=NOW,
)  # fmt: skip


def report(result: PullResult | SendResult, notes: tuple[str, ...] = ()) -> RunReport:
    job = SEND if isinstance(result, SendResult) else PULL
    return RunReport("run-1", job.name, "de", NOW - timedelta(seconds=41), NOW, result, notes)


def load(schema: str, day: date, rows: int) -> Load:
    name = f"{day:%Y%m%d}_{schema}.csv"
    return Load(FileIdentity("de", schema, name, day, 1, NOW, ""), Counts(loaded=rows), NOW)


def past(*weeks_of_clicks: int) -> Past:
    """Return a past in which this day's files are loaded, and clicks on the same weekday before."""
    now = [load(file.schema, DAY, file.counts.loaded) for file in FILES]
    before = [
        load("clicks", DAY - timedelta(weeks=week), rows)
        for week, rows in enumerate(weeks_of_clicks, 1)
    ]
    return Past(loads=(*now, *before))


def pulled(result: PullResult, given: Past | None = None, tongue: Tongue = ENGLISH) -> Letter:
    letter = letter_for(report(result), PULL, given or past(), tongue)
    assert letter
    return letter


def sent(wave: Wave = WAVE, waves: tuple[Wave, ...] = (), tongue: Tongue = ENGLISH) -> Letter:
    letter = letter_for(report(SendResult(wave, "sent")), SEND, Past(waves=waves), tongue)
    assert letter
    return letter


def said(letter: Letter) -> str:
    """Return all that a letter says, one thing a line."""
    return "\n".join(_said(letter))


def _said(letter: Letter) -> Iterator[str]:
    yield from (letter.subject, letter.verdict, letter.headline, *letter.footer)
    yield from (f"{figure.value} {figure.label}" for figure in letter.figures)
    for section in letter.sections:
        yield from (section.title, *section.sentences)
        yield from (f"{step.when} {step.command}" for step in section.steps)
        if section.table:
            yield " | ".join(section.table.head)
            yield from (" | ".join(cell.text for cell in row) for row in section.table.rows)
            yield from section.table.more


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


def mailings(newest_bounced: int) -> tuple[MailingFigures, ...]:
    bounced = (newest_bounced, 20, 21, 19)
    return tuple(
        MailingFigures(100 + week, NOW - timedelta(weeks=week, days=1), 1000, count)
        for week, count in enumerate(bounced)
    )


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


CASES = [
    pytest.param(PullResult(), "nothing", id="nothing new"),
    pytest.param(PullResult(FILES), "work", id="files came"),
    pytest.param(PullResult((REJECTING,)), "trouble", id="rows were rejected"),
    pytest.param(PullResult((REFUSED,)), "trouble", id="a file was refused"),
    pytest.param(PullResult(missing=(MISSING,)), "trouble", id="a file is missing"),
    pytest.param(PullResult(FILES, mailings=mailings(83)), "change", id="many bounces"),
    pytest.param(SendResult(WAVE, "sent"), "work", id="a wave went out"),
    pytest.param(SendResult(WAVE, "already sent"), "nothing", id="the slot had its wave"),
    pytest.param(SendResult(WAVE, "dry run"), "nothing", id="a dry run"),
    pytest.param(SendResult(WAVE, "unknown"), "nothing", id="unknown: its suspension tells"),
    pytest.param(SendResult(None, "nobody to mail"), "trouble", id="nobody selected"),
]


@pytest.mark.parametrize("when", ["always", "change", "trouble"])
@pytest.mark.parametrize(("result", "weight"), CASES)
def test_a_job_mails_about_what_it_was_told_to(
    result: PullResult | SendResult, weight: str, when: MailWhen
) -> None:
    wanted = {"always": 1, "change": 2, "trouble": 3}[when]
    known = ["nothing", "work", "change", "trouble"].index(weight)
    job = SEND if isinstance(result, SendResult) else PULL
    job = job.model_copy(update={"mail": when})
    assert bool(letter_for(report(result), job, past(), ENGLISH)) == (known >= wanted)


def test_a_trouble_is_told_once_and_its_end_on_change() -> None:
    trouble = report(PullResult(missing=(MISSING,)))
    again = replace(past(), last=as_json(trouble))
    job = PULL.model_copy(update={"mail": "change"})
    assert letter_for(trouble, job, again, ENGLISH) is None
    assert letter_for(report(PullResult(FILES)), job, again, ENGLISH)
    calm = replace(past(), last=as_json(report(PullResult(FILES))))
    assert letter_for(report(PullResult(FILES)), job, calm, ENGLISH) is None


def test_nobody_to_mail_is_told_once() -> None:
    nobody = report(SendResult(None, "nobody to mail"))
    assert letter_for(nobody, SEND, Past(last=as_json(nobody)), ENGLISH) is None


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


def failed(case: Case) -> ErrorFile:
    problem = Problem(error="OutcomeUnknown", sentence="the answer to the rename was lost")
    what = Failure(case, (problem,), stage="publish", wave=WAVE, halt="x.error")
    return describe(what, SEND, "run-1", NOW)


def test_a_suspension_s_subject_is_the_command_s_name() -> None:
    letter = suspended_letter(failed(Case.UNKNOWN_OUTCOME), ENGLISH)
    assert letter.subject == (
        "[closedloop] de send_newsletter SUSPENDED: rename outcome unknown, see restart"
    )
    lines = said(letter)
    assert "the answer to the rename was lost" in lines
    assert "closedloop restart send_newsletter --assume-sent" in lines
    assert "The job send_newsletter rests until this is resolved." in lines
    assert "Wave | 20261120060000 (published)" in lines


def test_files_that_rest_alone_suspend_nothing() -> None:
    letter = suspended_letter(failed(Case.REFUSED_FILES), ENGLISH)
    assert letter.subject == "[closedloop] de send_newsletter files refused, see restart"
    assert letter.verdict == "Please act"


def test_a_recovery_says_what_ended_how_and_after_how_long() -> None:
    later = NOW + timedelta(hours=3)
    ended = failed(Case.UNKNOWN_OUTCOME).model_copy(
        update={"resolution": Resolution(at=later, by="assume-sent")}
    )
    letter = recovered_letter(ended, later, GERMAN)
    assert letter.subject == (
        "[closedloop] de send_newsletter läuft wieder (zuvor: Ausgang der Umbenennung unbekannt)"
    )
    assert letter.tone == "good"
    assert "3 Stunden" in said(letter)
    assert "--assume-sent" in said(letter)


def halted_at_no_wave(by: Literal["itself", "assume-sent"]) -> ErrorFile:
    what = Failure(Case.HALTED_IMPORT, (Problem(error="X", sentence="it stopped"),), halt="x.error")
    error = describe(what, SEND, "run-1", NOW)
    return error.model_copy(update={"resolution": Resolution(at=NOW, by=by)})


def test_the_end_of_a_halt_at_no_wave_of_ours_names_no_wave_and_what_to_type() -> None:
    cleared = recovered_letter(halted_at_no_wave("itself"), NOW, GERMAN)
    assert cleared.subject == (
        "[closedloop] de send_newsletter läuft wieder (zuvor: Import der Plattform angehalten)"
    )
    assert cleared.headline == "de send_newsletter · zuvor: Import der Plattform angehalten"
    assert "Die Fehlerdatei der Plattform ist weg: Ihr Support hat es geklärt." in said(cleared)
    assert "closedloop run send_newsletter" in said(cleared)
    told = said(recovered_letter(halted_at_no_wave("assume-sent"), NOW, ENGLISH))
    assert "A person said that the platform's support has cleared it." in told
    assert "the wave was sent" not in told


@pytest.mark.parametrize("case", list(Case))
def test_every_suspension_is_said_in_german_as_a_whole(case: Case) -> None:
    letter = suspended_letter(failed(case), GERMAN)
    own_words = said(letter).replace("the answer to the rename was lost", "")
    assert not {"the", "is", "of", "to"} & set(re.findall(r"[a-z]+", own_words))


def test_every_command_in_a_letter_is_one_that_there_is() -> None:
    letters = [
        pulled(PullResult((REJECTING, REFUSED), (MISSING,), halts=("x",), held=("y",))),
        pulled(PullResult(FILES)),
        sent(),
        *(suspended_letter(failed(case), ENGLISH) for case in Case),
        recovered_letter(halted_at_no_wave("itself"), NOW, ENGLISH),
    ]
    commands = {
        step.command.split()[1]
        for letter in letters
        for section in letter.sections
        for step in section.steps
    }
    assert commands <= set(COMMANDS)
    assert {"restart", "quarantine", "status"} <= commands


def spoken() -> Iterator[tuple[str, str]]:
    """Yield every text that the letters give to a Tongue as it stands, with the method."""
    for path in sorted(ROOT.glob("core/letter*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if node.func.attr in ("say", "term") and texts and isinstance(texts[0], str):
                    yield "say", texts[0]
                if node.func.attr == "count" and texts and isinstance(texts[-1], str):
                    yield "count", texts[-1]


def test_every_text_has_its_german() -> None:
    assert len([*spoken()]) > 60
    lacking = {
        text for how, text in spoken() if text not in (WORDS if how == "say" else NOUNS) and text
    }
    assert lacking == set()


def test_german_texts_hold_the_same_values() -> None:
    for english, german in WORDS.items():
        names = [sorted(re.findall(r"{(\w+)}", text)) for text in (english, german)]
        assert names[0] == names[1], english
    for pattern, german in PATTERNS.items():
        assert re.compile(pattern).groups == german.count("{}"), pattern


@pytest.mark.parametrize("term", [*map(str, FileStatus), *map(str, WaveState)])
def test_every_status_has_its_german(term: str) -> None:
    assert term in WORDS


def seen(**changed: Any) -> PullResult:
    wave = replace(WAVE, state=WaveState.CONFIRMED, seen=48198, mailing_id=7, mailings=1)
    return PullResult(FILES, waves=(replace(wave, **changed),))


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


def test_a_wave_that_is_confirmed_without_new_files_is_news() -> None:
    result = replace(seen(), files=())
    given = replace(past(), last=as_json(report(PullResult())))
    assert letter_for(report(result), PULL, given, ENGLISH)
