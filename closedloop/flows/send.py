"""Sending: settle what an earlier run left, select, suppress, write, stage, publish."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from closedloop.core.slots import current_slot
from closedloop.core.stamps import after, local_stamp, lowest_free, moment
from closedloop.errors import ProjectError
from closedloop.flows.build import Built, Wanted, build, preview
from closedloop.flows.ports import Ports
from closedloop.flows.publish import deliver, settle
from closedloop.model.filename import Pattern
from closedloop.model.job import SendJob
from closedloop.model.run import SendResult
from closedloop.model.table import Schema
from closedloop.model.wave import Wave, WaveState

logger = logging.getLogger(__name__)

Notes = list[str]


@dataclass(frozen=True, slots=True)
class Layouts:
    """The schemas of the files a send job writes."""

    subscribers: Schema
    products: Schema | None


def send(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, *, again: bool
) -> tuple[SendResult, Notes]:
    """Send the wave of the current slot, unless it was sent; `again` sends another one on purpose."""
    slot = current_slot(job.schedule, now, ports.client.zone)
    for wave in _unsettled(job, ports):
        settled = settle(wave, slot, ports, now)
        if settled and settled.state is WaveState.UNKNOWN:
            return SendResult(settled, "unknown"), []
    sent = _sent_in(slot, job, ports)
    if sent and not again:
        return SendResult(sent, "already sent"), []
    return _send(job, layouts, ports, now, slot)


def send_test(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime
) -> tuple[SendResult, Notes]:
    """Send the same mailing to the job's test recipients; it belongs to no slot."""
    if job.test_recipients is None:
        raise ProjectError(
            f"jobs/{job.name}.toml: --test needs a section [test_recipients], with 'sql' or 'file'"
        )
    tested = job.model_copy(update={"selection": job.test_recipients})
    return _send(tested, layouts, ports, now, slot=None)


def rehearse(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, *, test: bool
) -> tuple[SendResult, Notes]:
    """Select and suppress, send nothing, write nothing remote: the counts and the first lines, masked."""
    notes = _suppression_notes(job, ports)
    chosen = (
        job.model_copy(update={"selection": job.test_recipients})
        if test and job.test_recipients
        else job
    )
    stamp = local_stamp(now, ports.client.zone)
    name = Pattern(layouts.subscribers.file).name(moment(stamp))
    built = preview(
        _subscribers(chosen, layouts, stamp), ports.state.outbox(job.client, name), ports
    )
    wave = _wave(job, stamp, name, built, None, now)
    return SendResult(wave, "dry run", built.preview), notes


def _send(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, slot: datetime | None
) -> tuple[SendResult, Notes]:
    notes = _suppression_notes(job, ports)
    pattern = Pattern(layouts.subscribers.file)
    listing = ports.remote.listing(ports.client.upload)
    lowest = lowest_free(now, ports.client.zone, listing, pattern)
    stamp = ports.ledger.take_stamp(job.client, lowest, after)
    name = pattern.name(moment(stamp))
    notes += _build_products(job, layouts, stamp, ports)
    built = build(_subscribers(job, layouts, stamp), ports.state.outbox(job.client, name), ports)
    wave = _wave(job, stamp, name, built, slot, now)
    if not built.written:
        ports.state.clear_outbox(job.client, stamp, name)
        return SendResult(wave, "nobody to mail"), notes
    ports.ledger.put_wave(wave)
    logger.info("%s: %d selected, %d written", name, built.selected, built.written)
    delivered = deliver(wave, ports, now)
    if delivered.state is WaveState.UNKNOWN:
        return SendResult(delivered, "unknown"), notes
    return SendResult(delivered, "sent"), notes


def _unsettled(job: SendJob, ports: Ports) -> list[Wave]:
    """Return the job's waves of which it is not known that they were published, oldest first."""
    settled = (WaveState.PUBLISHED, WaveState.CONFIRMED)
    return [
        wave
        for wave in ports.ledger.waves(job.client)
        if wave.job == job.name and wave.state not in settled
    ]


def _sent_in(slot: datetime, job: SendJob, ports: Ports) -> Wave | None:
    waves = (wave for wave in ports.ledger.waves(job.client) if wave.job == job.name)
    return next((wave for wave in waves if wave.slot == slot.astimezone(UTC)), None)


def _suppression_notes(job: SendJob, ports: Ports) -> Notes:
    """Bring the warehouse up to date; say so if it knows nobody of this client yet."""
    notes = ports.warehouse.prepare(ports.responses)
    if not ports.warehouse.loads(job.client):
        notes.append(
            f"no response file of '{job.client}' is loaded yet: nobody is known to have unsubscribed or bounced"
        )
    return notes


def _subscribers(job: SendJob, layouts: Layouts, stamp: int) -> Wanted:
    fills = {"source_mailing": job.source_mailing, "wave": stamp}
    return Wanted(job.client, job.name, job.selection, layouts.subscribers, job.consent, fills)


def _build_products(job: SendJob, layouts: Layouts, stamp: int, ports: Ports) -> Notes:
    """Write the product data of the wave, if it has any, under the same time."""
    if job.product_data is None or layouts.products is None:
        return []
    name = Pattern(layouts.products.file).name(moment(stamp))
    fills = {"source_mailing": job.source_mailing, "wave": stamp}
    wanted = Wanted(job.client, job.name, job.product_data, layouts.products, None, fills)
    built = build(wanted, ports.state.products(job.client, stamp, name), ports)
    return [
        f"{name}: {rows:,} of {built.selected:,} rows dropped: {reason}"
        for reason, rows in built.dropped.items()
    ]


def _wave(
    job: SendJob, stamp: int, name: str, built: Built, slot: datetime | None, now: datetime
) -> Wave:
    return Wave(
        client=job.client,
        wave_id=stamp,
        job=job.name,
        source_mailing=job.source_mailing,
        file=name,
        slot=slot,
        test=slot is None,
        state=WaveState.BUILT,
        selected=built.selected,
        written=built.written,
        dropped=built.dropped,
        size=built.size,
        sha256=built.sha256,
        built_at=now,
    )
