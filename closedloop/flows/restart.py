"""Going on after a wave whose outcome could not be known: a person has found out."""

from dataclasses import replace
from datetime import datetime

from closedloop.errors import ProjectError
from closedloop.flows.ports import Ports
from closedloop.flows.publish import keep_copies, withdraw
from closedloop.model.job import SendJob
from closedloop.model.wave import Wave, WaveState


def unknown_wave(job: SendJob, ports: Ports) -> Wave:
    """Return the job's wave that waits for a person; `ProjectError` if there is none."""
    for wave in ports.ledger.waves(job.client):
        if wave.job == job.name and wave.state is WaveState.UNKNOWN:
            return wave
    raise ProjectError(f"{job.name}: no wave of this job waits for a person; nothing was done")


def assume_sent(wave: Wave, ports: Ports, now: datetime) -> None:
    """Write down that the platform took the wave: it is not sent again."""
    ports.ledger.put_wave(replace(wave, state=WaveState.PUBLISHED, published_at=now))
    keep_copies(wave, ports)


def assume_lost(wave: Wave, ports: Ports) -> None:
    """Forget the wave: the next run of its job selects and sends anew."""
    withdraw(wave, ports)
