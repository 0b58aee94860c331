"""The crontab of a project."""

import shlex
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from closedloop.model.job import PullJob, SendJob

HEAD = """\
# closedloop: printed by 'closedloop schedule cron'.
# Every run that finds nothing to do ends silently; what goes wrong is printed, so that cron mails it to:
# MAILTO=data-ops@example.com
"""
ONE_ZONE = "Where cron does not know CRON_TZ (Debian's), the machine must be in it."
SEVERAL_ZONES = """\
Debian's cron does not know CRON_TZ and takes every line by the machine's clock, which can't
# be in several zones: take a cron that knows it (cronie), or 'closedloop schedule systemd'."""
RETRIES = "5-55/10 * * * *"
"""When it is asked whether a slot was left without its wave; not on the minutes at which slots usually begin."""
RETRY_EVENT = "*-*-* *:05/10:00"
"""The same in systemd's words."""


def crontab(
    jobs: Mapping[str, SendJob | PullJob],
    zones: Mapping[str, ZoneInfo],
    command: Sequence[str],
    root: str,
) -> str:
    """Return crontab lines for every job with a schedule, by the time zone of its client.

    `zones` are by client, `command` the words that start the program, `root` the project's folder, absolute.
    """
    parts = [HEAD]
    used = sorted({str(zones[job.client]) for job in jobs.values() if job.schedule})
    for zone in used:
        without = ONE_ZONE if len(used) == 1 else SEVERAL_ZONES
        parts.append(f"# Slots are in this zone. {without}\nCRON_TZ={zone}\n")
        due = [job for job in jobs.values() if job.schedule and str(zones[job.client]) == zone]
        parts += [_entry(job, command, root) for job in due]
    return "\n".join(parts)


def _entry(job: SendJob | PullJob, command: Sequence[str], root: str) -> str:
    """Return one job's lines: its slots, and for a send the retries of what a slot left undone."""
    comment = f"# {' '.join(job.description.split())}\n" if job.description else ""
    words = [*command, "--project", root, "run", job.name]
    lines = f"{comment}{job.schedule} {_line(words)}\n"
    if isinstance(job, PullJob):
        return lines
    return f"{lines}{RETRIES} {_line([*words, '--retry'])}\n"


def _line(words: Sequence[str]) -> str:
    """Return a command line; cron takes a bare `%` for a line end."""
    return shlex.join(words).replace("%", r"\%")
