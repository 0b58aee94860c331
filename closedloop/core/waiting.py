"""Files that are still being written, and when that has gone on for too long to be true."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from closedloop.model.run import FileOutcome, FileStatus, PullResult, RunReport

TOO_LONG = timedelta(hours=6)


def waiting_since(last: RunReport | None) -> dict[str, datetime]:
    """Return since when files wait, by name, from the report of the run before."""
    if last is None or not isinstance(last.result, PullResult):
        return {}
    return {file.name: file.since for file in last.result.files if file.since}


def judged(outcome: FileOutcome, since: Mapping[str, datetime], now: datetime) -> FileOutcome:
    """Return what became of a file, as trouble where it has been still being written for hours.

    A server that is wrong about a size or a time looks just so, and would for ever.
    """
    if outcome.status is not FileStatus.WAITING:
        return outcome
    first = since.get(outcome.name, now)
    if now - first < TOO_LONG:
        return replace(outcome, since=first)
    return replace(
        outcome,
        status=FileStatus.UNREACHABLE,
        since=first,
        detail=f"since {first:%Y-%m-%d %H:%M} UTC the server lists it with another size or time than it has, so nobody can "
        "tell whether it is whole; if it is not being written any more, ask the platform's support",
    )
