"""The letter about a run: whether one is written, and in which words."""

import json
from typing import Literal

from closedloop.core.past import Past
from closedloop.core.report import NOT_TAKEN_IN, repeats, troubles
from closedloop.core.tongue import Tongue
from closedloop.core.usual import bouncing, earlier_waves, is_odd_wave, usual_wave, volumes
from closedloop.model.job import PullJob, SendJob
from closedloop.model.letter import Letter
from closedloop.model.run import PullResult, RunReport, SendResult

Weight = Literal["nothing", "work", "change", "trouble"]
"""What there is to write about: work that went well, something out of the ordinary, something to act on."""

WANTED: dict[str, tuple[Weight, ...]] = {
    "always": ("work", "change", "trouble"),
    "change": ("change", "trouble"),
    "trouble": ("trouble",),
}


def letter_for(
    report: RunReport, job: SendJob | PullJob, past: Past, tongue: Tongue
) -> Letter | None:
    """Return the letter about a run; None where it has no news or the job wants none about such a run.

    A wave whose outcome is unknown suspends its job: `suspended_letter` tells of that.
    """
    if weight(report, past) not in WANTED[job.mail]:
        return None
    match report.result, job:
        case PullResult() as pulled, PullJob():
            from closedloop.core.letter_pull import pull_letter

            return pull_letter(report, pulled, job, past, tongue)
        case SendResult() as sent, SendJob():
            from closedloop.core.letter_send import send_letter

            return send_letter(report, sent, past, tongue)
        case _:
            raise TypeError(f"{job.name}: the report is none of a {job.kind} job")


def weight(report: RunReport, past: Past) -> Weight:
    """Say what there is to write about; what the last run's letter told already is no news."""
    if isinstance(report.result, SendResult):
        return _sent(report, report.result, past)
    worked = any(file.status not in NOT_TAKEN_IN for file in report.result.files)
    if repeats(report, past.last) and not report.result.waves:
        return "nothing"
    if troubles(report):
        return "trouble"
    if _is_odd(report.result, past) or _had_trouble(past.last):
        return "change"
    return "work" if worked or report.result.waves else "nothing"


def _sent(report: RunReport, sent: SendResult, past: Past) -> Weight:
    if sent.outcome == "nobody to mail":
        again = past.last is not None and _outcome(past.last) == sent.outcome
        return "nothing" if again else "trouble"
    if sent.outcome != "sent" or sent.wave is None:
        return "nothing"
    usual = usual_wave(earlier_waves(sent.wave, past.waves))
    return "change" if report.notes or is_odd_wave(sent.wave, usual) else "work"


def _is_odd(result: PullResult, past: Past) -> bool:
    taken = [file for file in result.files if file.status not in NOT_TAKEN_IN]
    return any(v.is_odd for v in volumes(taken, past.loads)) or bool(bouncing(result))


def _outcome(last: str) -> str | None:
    outcome: str | None = json.loads(last).get("result", {}).get("outcome")
    return outcome


def _had_trouble(last: str | None) -> bool:
    """Say whether the last run left a file behind, missed one, or found the platform's import halted."""
    result = json.loads(last or "{}").get("result", {})
    left = any(file["status"] in NOT_TAKEN_IN for file in result.get("files", []))
    return left or bool(result.get("missing") or result.get("halts"))
