"""When a job writes a letter, and that it tells a trouble once, its suspension and its end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from closedloop.core.letter import letter_for
from closedloop.core.letter_suspension import recovered_letter, suspended_letter
from closedloop.core.past import Past
from closedloop.core.report import as_json
from closedloop.model.error_file import Case, Resolution
from closedloop.model.job import MailWhen
from closedloop.model.run import PullResult, SendResult
from tests.core.letters import (
    ENGLISH,
    FILES,
    GERMAN,
    MISSING,
    NOW,
    PULL,
    REFUSED,
    REJECTING,
    SEND,
    WAVE,
    failed,
    halted_at_no_wave,
    mailings,
    past,
    report,
    said,
    seen,
)

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


def test_a_wave_that_is_confirmed_without_new_files_is_news() -> None:
    result = replace(seen(), files=())
    given = replace(past(), last=as_json(report(PullResult())))
    assert letter_for(report(result), PULL, given, ENGLISH)


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
