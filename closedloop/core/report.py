"""A run's report as sentences and as JSON: functions of its values alone."""

import json
from dataclasses import asdict
from typing import Any

from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MissingFile,
    PullResult,
    RunReport,
    SendResult,
)

FAILED = (FileStatus.REFUSED, FileStatus.UNREACHABLE)


def as_json(report: RunReport) -> str:
    """Return a report as JSON text; times are ISO 8601 in UTC."""
    given: dict[str, Any] = asdict(report)
    given["exit_code"] = report.exit_code
    if isinstance(report.result, PullResult):
        for outcome, file in zip(given["result"]["files"], report.result.files, strict=True):
            outcome["counts"]["records"] = file.counts.records
    return json.dumps(given, default=_plain, ensure_ascii=False)


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
    failed = [file for file in report.result.files if file.status in FAILED]
    return [
        *(f"{file.name}: {file.status}: {file.detail}" for file in failed),
        *map(gap, report.result.missing),
    ]


def repeats(report: RunReport, last: str | None) -> bool:
    """Say whether a run took nothing in and has no other trouble than the last one, given as JSON, had.

    Of a missing file this is so for the rest of the day: the days left are a part of the trouble.
    """
    if last is None or not isinstance(report.result, PullResult):
        return False
    if any(file.status not in FAILED for file in report.result.files):
        return False
    return _trouble(json.loads(as_json(report))) == _trouble(json.loads(last))


def _trouble(report: dict[str, Any]) -> list[object]:
    if "result" not in report:
        return [report["error"]]
    files = report["result"].get("files", [])
    failed = [
        (file["name"], file["status"], file["detail"]) for file in files if file["status"] in FAILED
    ]
    return [failed, report["result"].get("missing", [])]


def gap(missing: MissingFile) -> str:
    """Return a missing file and how long it can still be fetched."""
    left = (
        "today is the last day"
        if missing.days_left <= 0
        else f"{_number(missing.days_left, 'day')} left to fetch it"
    )
    return f"{missing.schema} of {missing.day:%Y-%m-%d} is missing: {left}"


def rejects(file: FileOutcome) -> list[str]:
    """Return a sentence for each rule that rejected rows of a file."""
    return [
        f"{file.name}: {_number(rows, 'row')} rejected: {f'column {column}: ' if column else ''}{rule}"
        for column, rule, rows in file.rejects
    ]


def _pulled(result: PullResult) -> str:
    if not result.files:
        return "nothing new"
    loaded = sum(file.counts.loaded for file in result.files)
    rejected = sum(file.counts.quarantined for file in result.files)
    failed = sum(file.status in FAILED for file in result.files)
    text = f"{_number(len(result.files), 'file')}, {_number(loaded, 'row')}, {rejected:,} rejected"
    return f"{text}, {failed} failed" if failed else text


def _sent(result: SendResult) -> str:
    if result.wave is None or result.outcome == "nobody to mail":
        return "nobody is left to mail; nothing was sent"
    wave = result.wave
    return {
        "sent": f"wave {wave.wave_id} is on its way: {wave.written:,} recipients in {wave.file}",
        "already sent": f"wave {wave.wave_id} of this slot was already sent; --again sends another one on purpose",
        "dry run": f"dry run: {wave.written:,} of {wave.selected:,} would be mailed; nothing was sent",
        "unknown": f"wave {wave.wave_id}: it can't be known whether the platform took {wave.file}: the answer to its rename was "
        "lost and the file is gone. This job sends nothing more. Ask the platform's support, or look at its list of mailings, "
        "whether the wave was imported",
    }[result.outcome]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
