"""What the report of a run tells, taken apart."""

from typing import Any

from closedloop.model.run import PullResult, RunReport, SendResult
from closedloop.model.wave import Wave

Ended = RunReport | Wave | None
"""What a run or a restart hands back."""


def sent(report: Ended) -> Any:
    """Return what a send came to; its wave is there, unless nothing was due."""
    assert isinstance(report, RunReport)
    assert isinstance(report.result, SendResult)
    return report.result


def pulled(report: Ended) -> PullResult:
    """Return what a pull came to."""
    assert isinstance(report, RunReport)
    assert isinstance(report.result, PullResult)
    return report.result


def files(report: Ended) -> dict[str, Any]:
    """Return the files of a pull by their names."""
    return {file.name: file for file in pulled(report).files}


def only(report: Ended) -> Any:
    """Return the only file of a pull."""
    (file,) = files(report).values()
    return file
