"""A run's report as sentences and as JSON: functions of its values alone."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import cache
from itertools import starmap
from typing import TYPE_CHECKING, Any

from closedloop.core.confirm import days_since, evidence, mailed_twice, not_seen
from closedloop.model.job import RESPONSE_SCHEMAS
from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MissingFile,
    PullResult,
    RunReport,
    SendResult,
)
from closedloop.model.wave import Wave

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ONE_DAY = timedelta(days=1)
WHERE_FILES_STAY_AWAY = (
    "ask the platform's support for files that stay away; once they lie on the server"
)
FAILED = (FileStatus.REFUSED, FileStatus.UNREACHABLE)
NOT_TAKEN_IN = (*FAILED, FileStatus.WAITING)


def as_json(report: RunReport) -> str:
    """Return a report as JSON text; times are ISO 8601 in UTC."""
    given: dict[str, Any] = asdict(report)
    given["exit_code"] = report.exit_code
    if isinstance(report.result, PullResult):
        for outcome, file in zip(given["result"]["files"], report.result.files, strict=True):
            outcome["counts"]["records"] = file.counts.records
    return json.dumps(given, default=_plain, ensure_ascii=False)


def from_json(text: str) -> RunReport:
    """Return the report that `as_json` made a text of; `ValueError` if it is none."""
    return _reader().validate_json(text)


@cache
def _reader() -> "TypeAdapter[RunReport]":
    """Return what reads a report, made once: that takes longer than to read one."""
    from pydantic import TypeAdapter

    return TypeAdapter(RunReport)


def headline(report: RunReport) -> str:
    """Return what the run did in one line."""
    match report.result:
        case PullResult() as pulled:
            return f"{report.client} {report.job}: {_pulled(pulled)}"
        case SendResult() as sent:
            return f"{report.client} {report.job}: {_sent(sent)}"


def troubles(report: RunReport) -> list[str]:
    """Return a sentence for everything that a person should act on; empty when all went well."""
    if isinstance(report.result, SendResult):
        return [_sent(report.result)] if report.exit_code else []
    files = report.result.files
    return [
        *(failure(file) for file in files if file.status in FAILED),
        *(_rejected(file) for file in files if file.counts.quarantined),
        *gaps(report.result.missing),
        *halted(report.result),
        *held(report),
        *twice_mailed(report),
        *unseen_waves(report),
    ]


def held(report: RunReport) -> list[str]:
    """Return a sentence for the files that were refused earlier and are left alone."""
    names = report.result.held if isinstance(report.result, PullResult) else ()
    if not names:
        return []
    verb = "waits" if len(names) == 1 else "wait"
    return [f"{', '.join(names)} {verb}, refused earlier: closedloop restart {report.job}"]


def seen_waves(report: RunReport) -> list[str]:
    """Return a sentence for each wave that turned out to be mailed."""
    return [evidence(wave) for wave in _waves(report)]


def twice_mailed(report: RunReport) -> list[str]:
    """Return a sentence for each of them that was mailed more than once."""
    return [mailed_twice(wave) for wave in _waves(report) if wave.mailings > 1]


def unseen_waves(report: RunReport) -> list[str]:
    """Return a sentence for each wave that should have been seen by now."""
    waves = report.result.unseen if isinstance(report.result, PullResult) else ()
    return [not_seen(wave, days_since(wave, report.started)) for wave in waves]


def _waves(report: RunReport) -> tuple[Wave, ...]:
    return report.result.waves if isinstance(report.result, PullResult) else ()


def halted(result: PullResult) -> list[str]:
    """Return a sentence for each error file of the platform."""
    return [
        f"the platform left {name} in its errors folder: it imports nothing more of this client until its support has "
        "cleared that; ask it what became of the wave, if it is about one"
        for name in result.halts
    ]


def repeats(report: RunReport, last: str | None) -> bool:
    """Say whether a run took nothing in and has no other trouble than the last one, given as JSON, had.

    Of a missing file and of a wave that is not seen this is so for the rest of the day: the days are a part of
    the trouble.
    """
    if last is None or not isinstance(report.result, PullResult):
        return False
    if any(file.status not in NOT_TAKEN_IN for file in report.result.files):
        return False
    held = {*report.result.held}
    return _trouble(json.loads(as_json(report)), held) == _trouble(json.loads(last), held)


def _trouble(report: dict[str, Any], held: set[str]) -> list[object]:
    """Return what a person was told; that a file is `held` was told with its refusal."""
    if "result" not in report:
        return [report["error"]]
    failed = [
        (file["name"], file["status"], file["detail"])
        for file in report["result"].get("files", [])
        if file["status"] in FAILED
    ]
    waiting = {*report["result"].get("held", []), *(name for name, *_ in failed if name in held)}
    failed = [each for each in failed if each[0] not in waiting]
    parts = [report["result"].get(key, []) for key in ("missing", "halts", "halted")]
    return [failed, waiting, *parts, _unseen(report)]


def _unseen(report: dict[str, Any]) -> list[tuple[int, int]]:
    started = datetime.fromisoformat(report["started"])
    return [
        (wave["wave_id"], (started - datetime.fromisoformat(wave["built_at"])).days)
        for wave in report["result"].get("unseen", [])
    ]


def failure(file: FileOutcome) -> str:
    """Return why a file was not taken in."""
    return f"{file.name}: {file.status}: {file.detail.removeprefix(f'{file.name}: ')}"


def gaps(missing: Sequence[MissingFile]) -> list[str]:
    """Return a sentence for each stretch of days that miss the same files: which, and how long they can still be fetched."""
    return [_gap(*stretch) for stretch in _stretches(missing)]


def losses(lost: Sequence[MissingFile]) -> list[str]:
    """Return one sentence for the files that can't be fetched any more; none where nothing is lost."""
    whole = "; ".join(f"{what} of {when}" for what, when in starmap(_named, _stretches(lost)))
    return [f"never came, and the server keeps them no longer: {whole}"] if whole else []


def _stretches(missing: Sequence[MissingFile]) -> list[tuple[list[str], list[tuple[date, int]]]]:
    """Return the days in a row that miss the same schemas' files, each with the days left."""
    days: dict[tuple[date, int], list[str]] = {}
    for file in missing:
        days.setdefault((file.day, file.days_left), []).append(file.schema)
    stretches: list[list[tuple[date, int]]] = []
    for day, schemas in days.items():
        before = stretches[-1][-1] if stretches else None
        if before and day[0] - before[0] == ONE_DAY and days[before] == schemas:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return [(days[stretch[0]], stretch) for stretch in stretches]


def _named(schemas: list[str], stretch: list[tuple[date, int]]) -> tuple[str, str]:
    """Return which files a stretch lacks, and the day or days."""
    what = "all eight files" if set(schemas) == set(RESPONSE_SCHEMAS) else ", ".join(schemas)
    (first, _), (last, _) = stretch[0], stretch[-1]
    return what, f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _gap(schemas: list[str], stretch: list[tuple[date, int]]) -> str:
    what, when = _named(schemas, stretch)
    days_left, is_one_day = stretch[0][1], len(stretch) == 1
    verb, them = ("is", "it") if is_one_day and len(schemas) == 1 else ("are", "them")
    if not is_one_day:
        them = "the first of them"
    left = (
        f"today is the last day to fetch {them}"
        if days_left <= 0
        else f"{number(days_left, 'day')} left to fetch {them}"
    )
    return f"{what} of {when} {verb} missing: {left}"


def rejects(file: FileOutcome) -> list[str]:
    """Return a sentence for each rule that rejected rows of a file."""
    return [
        f"{file.name}: {number(rows, 'row')} rejected: {f'column {column}: ' if column else ''}{rule}"
        for column, rule, rows in file.rejects
    ]


def number(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it is not one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _rejected(file: FileOutcome) -> str:
    rows = number(file.counts.loaded + file.counts.quarantined, "row")
    where = f"; they are in {file.quarantine}" if file.quarantine else ""
    return f"{file.name}: {file.counts.quarantined:,} of {rows} rejected{where}"


def _pulled(result: PullResult) -> str:
    if not result.files:
        return "nothing new"
    loaded = sum(file.counts.loaded for file in result.files)
    rejected = sum(file.counts.quarantined for file in result.files)
    failed = sum(file.status in FAILED for file in result.files)
    text = f"{number(len(result.files), 'file')}, {number(loaded, 'row')}, {rejected:,} rejected"
    return f"{text}, {failed} failed" if failed else text


def _sent(result: SendResult) -> str:
    wave = result.wave
    if wave is None or result.outcome == "nobody to mail":
        return _nobody(wave)
    return {
        "sent": f"wave {wave.wave_id} is on its way: {number(wave.written, 'recipient')} in {wave.file}",
        "already sent": f"wave {wave.wave_id} of this slot was already sent; --again sends another one on purpose",
        "nobody bounced": f"wave {wave.wave_id} bounced softly nobody who could be mailed once more; nothing was sent",
        "dry run": f"dry run: {wave.written:,} of {wave.selected:,} would be mailed; nothing was sent",
        "unknown": f"wave {wave.wave_id}: it can't be known whether the platform took {wave.file}: the server gave no clear "
        "answer, and its folder does not tell. This job sends nothing more. Ask the platform's support, or look at its list of mailings, "
        f"whether the wave was imported, then say so: closedloop restart {wave.job}",
    }[result.outcome]


def _nobody(wave: Wave | None) -> str:
    if wave is None or not wave.selected:
        return "nobody was selected, so nothing was sent; look at the job's selection"
    reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in wave.dropped.items())
    return (
        f"nobody is left to mail of {wave.selected:,} selected ({reasons}), so nothing was sent; "
        "look at the job's selection"
    )


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
