"""What a send waits for: the platform, a rival job, an earlier wave of its source mailing."""

from datetime import datetime

from closedloop.core.confirm import earlier, shown_time, waits_until
from closedloop.core.sent import built_since
from closedloop.errors import ImportHalted, TryLater
from closedloop.flows.confirm import confirm_by_log
from closedloop.flows.platform import error_files
from closedloop.flows.ports import Ports
from closedloop.model.job import SendJob
from closedloop.model.wave import Wave

Notes = list[str]


def wait_for_the_platform(ports: Ports) -> None:
    """Upload nothing while the platform has halted its imports (spec/optimizely.md, section 9, U23)."""
    if found := error_files(ports):
        raise ImportHalted(
            f"the platform left {found[0].name} in {ports.client.errors}: it imports nothing more of this client until its "
            "support has cleared that. Nothing was sent",
            (found[0].name, found[0].size, found[0].modified),
        )


def wait_for_another_job(job: SendJob, ports: Ports, slot: datetime) -> None:
    """Send nothing where another job, or this one under an earlier name, used the source mailing in this slot."""
    waves = ports.ledger.waves(job.client)
    since = built_since(slot, waves)
    for wave in waves:
        if wave.test or wave.job == job.name or wave.source_mailing != job.source_mailing:
            continue
        if wave.wave_id in since:
            raise TryLater(
                f"wave {wave.wave_id} of the job '{wave.job}' with the same source mailing is of this slot. Nothing was sent. "
                "A newsletter of its own needs a source mailing of its own; send with --again if you are sure"
            )


def wait_for_earlier(job: SendJob, ports: Ports, now: datetime) -> Notes:
    """Raise `TryLater` while an earlier wave of the source mailing is not confirmed (section 9, U19).

    After the job's `wait_hours` the new one goes out all the same, and a note says so.
    """
    if not job.wait_hours or _earlier(job, ports) is None:
        return []
    confirm_by_log(job.client, ports, now)
    wave = _earlier(job, ports)
    if wave is None:
        return []
    if waiting := waits(job, ports, now):
        raise TryLater(f"{waiting}. Nothing was sent; --again sends at once")
    since = shown_time(wave.published_at or wave.built_at, ports.client.zone)
    # Nobody knows yet whether this run finds anybody to mail.
    waited_enough = (
        f"wave {wave.wave_id} of the same source mailing, of {since}, is {wave.state} and not confirmed; this run waited "
        f"for it no longer, after wait_hours = {job.wait_hours:g}"
    )
    return [waited_enough]


def waits(job: SendJob, ports: Ports, now: datetime) -> str | None:
    """Say for which earlier wave a new one waits now, and until when; None if for none."""
    wave = _earlier(job, ports)
    if wave is None:
        return None
    until = waits_until(wave, job.wait_hours, ports.ledger.last_try(job.name))
    if now >= until:
        return None
    return (
        f"wave {wave.wave_id} of the same source mailing is {wave.state} and not confirmed yet: the next one waits for "
        f"that until {shown_time(until, ports.client.zone)} (wait_hours = {job.wait_hours:g}), then it goes out all the same"
    )


def _earlier(job: SendJob, ports: Ports) -> Wave | None:
    return earlier(ports.ledger.waves(job.client), job.source_mailing)
