"""What is said on stderr: log lines and the sentences of errors, as text or as JSON, a line each."""

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from closedloop.model.privacy import without_addresses

if TYPE_CHECKING:
    from closedloop.model.log import LogFormat, LogLevel

logger = logging.getLogger(__name__)

VERBOSE = (logging.ERROR, logging.WARNING, logging.INFO)
"""What is said without -v, at -v and at -vv."""


class TextLines(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the level and the message."""
        return f"{record.levelname} {without_addresses(record.getMessage())}"


class JsonLines(logging.Formatter):
    """Lines for machines; each is an object with time, level, job, logger and message."""

    job: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        given = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "job": self.job,
            "logger": record.name,
            "message": without_addresses(record.getMessage()),
        }
        return json.dumps(given, ensure_ascii=False)


def set_up(verbose: int, form: "LogFormat", level: "LogLevel" = "error") -> None:
    """Let the log speak, as much as the more talkative of `verbose` and `level` asks for."""
    wanted = min(VERBOSE[min(verbose, 2)], logging.getLevelNamesMapping()[level.upper()])
    logging.basicConfig()
    for handler in _ours():
        handler.setFormatter(JsonLines() if form == "json" else TextLines())
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
        click.echo(f"closedloop: {sentence}", err=True)


def is_for_machines() -> bool:
    """Say whether lines are JSON."""
    return any(isinstance(handler.formatter, JsonLines) for handler in _ours())


def _ours() -> list[logging.Handler]:
    return [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
