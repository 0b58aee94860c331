"""The crontab of a project."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from closedloop.model.job import PullJob, SendJob

HEAD = """\
# closedloop: printed by 'closedloop schedule cron'.
# Every run that finds nothing to do ends silently; what goes wrong is printed, so that cron mails it to:
# MAILTO=data-ops@example.com
"""


def crontab(
    jobs: Mapping[str, SendJob | PullJob], zones: Mapping[str, ZoneInfo], command: str, root: str
) -> str:
    """Return crontab lines for every job with a schedule, by the time zone of its client.

    `zones` are by client, `command` and `root` absolute paths.
    """
    parts = [HEAD]
    for zone in sorted({str(zones[job.client]) for job in jobs.values() if job.schedule}):
        parts.append(
            f"# Slots are in this zone. Where cron does not know CRON_TZ (Debian's), the machine must be in it.\n"
            f"CRON_TZ={zone}\n"
        )
        due = [job for job in jobs.values() if job.schedule and str(zones[job.client]) == zone]
        parts += [_entry(job, command, root) for job in due]
    return "\n".join(parts)


def _entry(job: SendJob | PullJob, command: str, root: str) -> str:
    """Return one job's lines; cron takes a bare `%` for a line end."""
    line = f"{command} --project {root} run {job.name}".replace("%", r"\%")
    comment = f"# {job.description}\n" if job.description else ""
    return f"{comment}{job.schedule} {line}\n"
