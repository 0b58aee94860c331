"""What every letter has around it: the subject's beginning, the footer, tables that end in time."""

from collections.abc import Sequence
from typing import TypeVar

from closedloop.core.tongue import Tongue
from closedloop.model.run import RunReport

SHOWN = 16
"""So many rows has a table at most: a mail client cuts off what is longer than 100 kB."""

Row = TypeVar("Row")


def subject(*words: str) -> str:
    """Return a subject line of these words."""
    return " ".join(("[closedloop]", *words))


def footer(report: RunReport, tongue: Tongue) -> tuple[str, ...]:
    """Return which run it was, when, and how long it took."""
    seconds = (report.finished - report.started).total_seconds()
    return (
        tongue.say(
            "Run {run}, {time}, {seconds} s",
            run=report.run_id,
            time=tongue.moment(report.started),
            seconds=f"{seconds:.0f}",
        ),
    )


def shortened(rows: Sequence[Row], tongue: Tongue) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Return as many rows as are shown, and a sentence about the others if there are any."""
    more = len(rows) - SHOWN
    return tuple(rows[:SHOWN]), ((tongue.say("and {n} more", n=more),) if more > 0 else ())
