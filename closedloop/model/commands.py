"""The commands that sentences tell a person to type."""

import re
import shlex

NAMES = (
    "run",
    "status",
    "report",
    "restart",
    "resend",
    "check",
    "dashboard",
    "quarantine",
    "schedule",
    "schema",
    "forget",
)
"""The commands that work on a project."""

_LEAD = rf"\bclosedloop (?=(?:{'|'.join(NAMES)})\b)"
_COMMAND = re.compile(
    rf"\bclosedloop (?:--project (?:'[^']*'|\S+) )?(?:{'|'.join(NAMES)})\b(?: \w[\w.-]*\b)?(?: --[a-z-]+)*"
)


def in_project(text: str, folder: str) -> str:
    """Return a text whose commands work from anywhere: each names the project's folder."""
    return re.sub(_LEAD, lambda _: f"closedloop --project {shlex.quote(folder)} ", text)


def unbroken(text: str, gap: str) -> str:
    """Return a text with `gap` for each space inside its commands, so that no fold breaks them."""
    return _COMMAND.sub(lambda found: found[0].replace(" ", gap), text)
