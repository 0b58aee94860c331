"""What is said on stderr: log lines and the sentences of errors, as text or as JSON, a line each."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from closedloop.model.privacy import without_addresses

if TYPE_CHECKING:
    from closedloop.model.log import LogFormat, LogLevel

logger = logging.getLogger(__name__)

VERBOSE = (logging.ERROR, logging.WARNING, logging.INFO)
"""What is said without -v, at -v and at -vv."""


class Lines(logging.Formatter):
    """Lines whose sentences are put as they are to be `told`."""

    told: Callable[[str], str] = str

    def sentence(self, record: logging.LogRecord) -> str:
        """Return the message, with nobody's address in it."""
        return without_addresses(self.told(record.getMessage()))


class TextLines(Lines):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the level and the message."""
        return f"{record.levelname} {self.sentence(record)}"


class JsonLines(Lines):
    """Lines for machines; each is an object with time, level, job, logger and message."""

    job: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        given = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "job": self.job,
            "logger": record.name,
            "message": self.sentence(record),
        }
        return json.dumps(given, ensure_ascii=False)


def set_up(
    verbose: int,
    form: "LogFormat",
    level: "LogLevel" = "error",
    told: Callable[[str], str] = str,
) -> None:
    """Let the log speak, as much as the more talkative of `verbose` and `level` asks for, each sentence as it is `told`."""
    wanted = min(VERBOSE[min(verbose, 2)], logging.getLevelNamesMapping()[level.upper()])
    logging.basicConfig()
    for handler in _ours():
        lines = JsonLines() if form == "json" else TextLines()
        lines.told = told
        handler.setFormatter(lines)
    logging.getLogger().setLevel(min(wanted, logging.WARNING))
    logging.getLogger("closedloop").setLevel(wanted)
    # What a pull warns of is in its report as well.
    pull = logging.getLogger("closedloop.flows.pull")
    pull.setLevel(logging.ERROR if wanted == logging.WARNING else logging.NOTSET)


def about(job: str) -> None:
    """Let each line from now on name the job that it is about."""
    for handler in _ours():
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.job = job


def tell(sentence: str) -> None:
    """Say a sentence that nobody may miss, in the form of the other lines."""
    if is_for_machines():
        logger.error("%s", sentence)
    else:
        forms = (each.formatter for each in _ours())
        told = next((form.told for form in forms if isinstance(form, Lines)), str)
        click.echo(f"closedloop: {told(sentence)}", err=True)


def is_for_machines() -> bool:
    """Say whether lines are JSON."""
    return any(isinstance(handler.formatter, JsonLines) for handler in _ours())


def _ours() -> list[logging.Handler]:
    return [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
