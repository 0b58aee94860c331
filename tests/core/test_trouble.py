"""Which failures suspend whom, which of them are one, and what led to an error, in words."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from closedloop.core.trouble import (
    Failure,
    again,
    case_of,
    chain,
    describe,
    free,
    is_same,
    suspends,
)
from closedloop.errors import ClosedLoopError, ImportHalted, LogInRefused, TryLater, UntoldWave
from closedloop.model.error_file import Asked, Case, ErrorFile, FileNote, Problem
from closedloop.model.job import PullJob, SendJob
from tests.core.letters import NOW, PULL, SEND, WAVE

ODD = (Problem(error="E", sentence="odd"),)
OTHER_SEND, THEIR_SEND = (
    SEND.model_copy(update={"name": "other"}),
    SEND.model_copy(update={"name": "theirs", "client": "at"}),
)
OTHER_WAVE = replace(WAVE, wave_id=WAVE.wave_id + 1)
FILE = FileNote(name="20261120_clicks.csv", size=1, modified=NOW)


def failed(case: Case, job: SendJob | PullJob = SEND, **facts: Any) -> ErrorFile:
    return describe(Failure(case, ODD, **facts), job, "run-1", NOW)


def test_errors_that_led_to_each_other_are_each_told_once() -> None:
    first, second = ClosedLoopError("first"), ClosedLoopError("second")
    first.__cause__, second.__context__ = second, first
    assert [problem.sentence for problem in chain(first)] == ["first", "second"]


def test_of_a_bug_only_its_kind_and_place_are_told_and_nothing_that_was_hidden() -> None:
    def fail() -> None:
        try:
            {"a": 1}["anna@example.com"]
        except KeyError:
            raise ZeroDivisionError("anna@example.com") from None

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    (problem,) = chain(caught.value)
    assert re.fullmatch(r"zero division error in test_trouble\.py, line [0-9]+", problem.sentence)
    assert [each.sentence for each in chain(OSError(28, "No space left on device"))] == [
        "No space left on device"
    ]


def test_a_halt_at_no_wave_of_ours_is_nothing_to_send_again() -> None:
    waveless = [step.command for step in failed(Case.HALTED_IMPORT, halt="a").next_steps]
    ours = [step.command for step in failed(Case.HALTED_IMPORT, halt="a", wave=WAVE).next_steps]
    assert not [command for command in waveless if "--resend" in command]
    assert [command for command in ours if "--resend" in command]


@pytest.mark.parametrize(
    ("error", "case"),
    [
        (ImportHalted("x", ("x.error", 1, NOW)), Case.HALTED_IMPORT),
        (UntoldWave("x", "x.csv"), Case.UNKNOWN_WAVE),
        (LogInRefused("x"), Case.REFUSED_LOG_IN),
        (ClosedLoopError("x"), Case.FAILED),
        (TryLater("x"), None),
        (KeyError("x"), Case.BUG),
    ],
)
def test_what_ended_a_run_is_a_case_or_may_go_through_next_time(
    error: Exception, case: Case | None
) -> None:
    assert case_of(error) == case


@pytest.mark.parametrize(
    ("case", "resting"),
    [
        (Case.FAILED, [SEND]),
        (Case.BUG, [SEND]),
        (Case.REFUSED_FILES, []),
        (Case.REFUSED_LOG_IN, [SEND, OTHER_SEND, PULL]),
        (Case.UNKNOWN_OUTCOME, [SEND]),
        (Case.UNKNOWN_WAVE, [SEND]),
        (Case.HALTED_IMPORT, [SEND, OTHER_SEND]),
    ],
)
def test_a_failure_suspends_its_job_the_sends_of_the_client_or_all_of_them(
    case: Case, resting: list[SendJob | PullJob]
) -> None:
    jobs: list[SendJob | PullJob] = [SEND, OTHER_SEND, THEIR_SEND, PULL]
    assert [job for job in jobs if suspends(failed(case), job)] == resting


@pytest.mark.parametrize("case", [*Case])
def test_a_job_goes_on_after_its_failures_if_told_to_and_if_nobody_is_mailed_twice_by_it(
    case: Case,
) -> None:
    bold = SEND.model_copy(update={"on_error": "continue"})
    dangerous = {Case.REFUSED_LOG_IN, Case.UNKNOWN_OUTCOME, Case.UNKNOWN_WAVE, Case.HALTED_IMPORT}
    assert suspends(failed(case), bold) == (case in dangerous)
    assert suspends(failed(case, bold), SEND) == (case in dangerous)


@pytest.mark.parametrize(
    ("old", "new", "is_one"),
    [
        pytest.param(failed(Case.FAILED), failed(Case.FAILED), True, id="the same"),
        pytest.param(failed(Case.FAILED), failed(Case.BUG), False, id="another case"),
        pytest.param(failed(Case.FAILED), failed(Case.FAILED, PULL), False, id="another job"),
        pytest.param(
            failed(Case.FAILED), failed(Case.FAILED, asked=Asked(test=True)), False, id="a test"
        ),
        pytest.param(
            failed(Case.HALTED_IMPORT, halt="a"),
            failed(Case.HALTED_IMPORT, PULL, halt="a"),
            True,
            id="a halt that another job finds",
        ),
        pytest.param(
            failed(Case.HALTED_IMPORT, halt="a"),
            failed(Case.HALTED_IMPORT, halt="b"),
            False,
            id="another halt",
        ),
        pytest.param(
            failed(Case.HALTED_IMPORT, halt="a"),
            failed(Case.HALTED_IMPORT, THEIR_SEND, halt="a"),
            False,
            id="another client's halt",
        ),
        pytest.param(
            failed(Case.UNKNOWN_OUTCOME, wave=WAVE),
            failed(Case.UNKNOWN_OUTCOME, OTHER_SEND, wave=WAVE),
            True,
            id="one wave",
        ),
        pytest.param(
            failed(Case.UNKNOWN_OUTCOME, wave=WAVE),
            failed(Case.UNKNOWN_OUTCOME, wave=OTHER_WAVE),
            False,
            id="another wave",
        ),
        pytest.param(
            failed(Case.UNKNOWN_OUTCOME, wave=WAVE),
            failed(Case.UNKNOWN_WAVE, wave=WAVE),
            False,
            id="one wave, another case",
        ),
        pytest.param(
            failed(Case.UNKNOWN_OUTCOME), failed(Case.UNKNOWN_OUTCOME), False, id="no wave"
        ),
    ],
)
def test_a_failure_that_came_again_is_the_open_one(
    old: ErrorFile, new: ErrorFile, *, is_one: bool
) -> None:
    assert is_same(old, new) is is_one
    assert is_same(new, old) is is_one


def test_what_came_again_is_news_only_where_other_files_failed() -> None:
    old = failed(Case.REFUSED_FILES, PULL, stage="check", files=(FILE,)).model_copy(
        update={"told": True}
    )
    new = old.model_copy(update={"run": "run-2", "stage": "load"})
    same = again(old, new)
    assert (same.tries, same.told, same.run, same.stage) == (2, True, "run-1", "load")
    assert same.files == (FILE,)
    restated = FILE.model_copy(update={"modified": NOW + timedelta(hours=1)})
    other = again(same, new.model_copy(update={"files": (restated,)}))
    assert (other.tries, other.told, other.run) == (3, False, "run-2")
    assert other.files == (FILE, restated)


def test_a_halt_of_a_send_that_a_pull_finds_keeps_the_stages_of_the_send() -> None:
    old = failed(Case.HALTED_IMPORT, stage="confirm", halt="a")
    found = again(old, failed(Case.HALTED_IMPORT, PULL, stage="list", halt="a"))
    assert (found.stage, found.left) == ("confirm", ("confirm",))


def test_of_two_failures_within_a_second_the_second_has_a_number() -> None:
    assert free("a", {"b"}) == "a"
    assert free("a", {"a"}) == "a-2"
    assert free("a", {"a", "a-2"}) == "a-3"
