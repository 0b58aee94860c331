"""Sending: settle what an earlier run left, select, suppress, write, stage, publish."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from closedloop.core.report import number
from closedloop.core.sent import is_of_another_time, sent_in
from closedloop.core.slots import current_slot, slots_between
from closedloop.core.stamps import after, is_far_ahead, local_stamp, lowest_free, moment, strangers
from closedloop.errors import ClosedLoopError, ProjectError, TryLater, UntoldWave
from closedloop.flows.build import Built, Wanted, build, preview
from closedloop.flows.ports import Layouts, Ports
from closedloop.flows.publish import deliver, discard, keep_copies, settle
from closedloop.flows.suppress import out_of_date, up_to_date
from closedloop.flows.waiting import (
    wait_for_another_job,
    wait_for_earlier,
    wait_for_the_platform,
    waits,
)
from closedloop.model.filename import Pattern
from closedloop.model.job import SendJob
from closedloop.model.run import SendResult
from closedloop.model.wave import Wave, WaveState

logger = logging.getLogger(__name__)

Notes = list[str]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a wave is for: a slot of the schedule, a test, or the soft bounces of another wave."""

    slot: datetime | None = None
    test: bool = False
    resend_of: int | None = None


def send(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, *, again: bool
) -> tuple[SendResult, Notes]:
    """Send the wave of the current slot, unless it was sent; `again` sends another one on purpose.

    First it is found out what became of a wave that an earlier run left unfinished.
    """
    slot = current_slot(job.schedule, now, ports.client.zone)
    settled = settle_left(job, layouts, ports, now)
    if unknown := unknown_among(settled):
        return SendResult(unknown, "unknown"), []
    if finished := next((wave for wave in settled if wave.slot == slot), None):
        return SendResult(finished, "sent"), [
            f"wave {finished.wave_id} was left unfinished by an earlier run; this one brought it to its end"
        ]
    sent = _sent_in(slot, job, ports)
    if sent and not again:
        _refuse_by_a_wrong_clock(sent, slot, now)
        return SendResult(sent, "already sent"), []
    if not again:
        _refuse_after_a_loss(job, layouts, ports, slot)
        wait_for_another_job(job, ports, slot)
    wait_for_the_platform(ports)
    waited = [] if again else wait_for_earlier(job, ports, now)
    passed_over = _passed_over(job, slot, ports)
    result, notes = send_wave(job, layouts, ports, now, Purpose(slot))
    return result, [*notes, *waited, *passed_over]


def send_test(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime
) -> tuple[SendResult, Notes]:
    """Send the same mailing to the job's test recipients; it belongs to no slot."""
    tested = _to_test_recipients(job)
    left = [wave for wave in _unsettled(job, ports) if wave.test or wave.state is WaveState.UNKNOWN]
    settled = _settle(left, layouts, ports, now)
    if unknown := unknown_among(settled):
        return SendResult(unknown, "unknown"), []
    if settled:
        return SendResult(settled[-1], "sent"), [
            "the test was left unfinished by an earlier run; this one brought it to its end"
        ]
    wait_for_the_platform(ports)
    return send_wave(tested, layouts, ports, now, Purpose(test=True))


def rehearse(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, *, test: bool
) -> tuple[SendResult, Notes]:
    """Select and suppress, send nothing, write nothing remote: the counts and the first lines, masked."""
    chosen = _to_test_recipients(job) if test else job
    result, notes = foresee_wave(chosen, layouts, ports, now, Purpose(test=True))
    slot = current_slot(job.schedule, now, ports.client.zone)
    if not test and (sent := _sent_in(slot, job, ports)):
        notes.append(_about(sent))
    elif not test and (waiting := waits(job, ports, now)):
        notes.append(waiting)
    return result, notes


def foresee_wave(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, purpose: Purpose
) -> tuple[SendResult, Notes]:
    """Select and suppress, send nothing, write nothing remote: the counts and the first lines, masked."""
    notes = [*up_to_date(job.client, ports), *out_of_date(job.client, ports, now)]
    stamp = local_stamp(now, ports.client.zone)
    name = Pattern(layouts.subscribers.file).name(moment(stamp))
    path = ports.state.outbox(job.client, name)
    built = preview(_subscribers(job, layouts, stamp), path, ports)
    wave = _with(_reserved(job, stamp, name, purpose, now), built)
    return SendResult(wave, "dry run", built.preview), notes


def send_wave(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, purpose: Purpose
) -> tuple[SendResult, Notes]:
    """Select, suppress, write, stage and publish one wave."""
    ports.at("select")
    notes = [*up_to_date(job.client, ports), *out_of_date(job.client, ports, now)]
    pattern = Pattern(layouts.subscribers.file)
    listing = ports.remote.listing(ports.client.upload)
    lowest = lowest_free(now, ports.client.zone, listing, pattern)
    stamp = ports.ledger.take_stamp(job.client, lowest, after)
    if is_far_ahead(stamp, now, ports.client.zone):
        notes.append(
            f"the name {stamp}... is ahead of the clock, for names must rise and an earlier one was: is the clock right?"
        )
    reserved = _reserved(job, stamp, pattern.name(moment(stamp)), purpose, now)
    # Written down before its files are: what a killed run leaves of them, the next one finds.
    ports.ledger.put_wave(reserved)
    try:
        notes += _build_products(job, layouts, stamp, ports)
        wave = _build(reserved, job, layouts, ports)
    except ClosedLoopError:
        discard(reserved, ports)
        raise
    if not wave.written:
        discard(wave, ports)
        return SendResult(wave, "nobody to mail"), notes
    ports.ledger.put_wave(wave)
    logger.info("%s: %d selected, %d written", wave.file, wave.selected, wave.written)
    # A long transfer must not keep others out of the warehouse.
    ports.warehouse.close()
    delivered = deliver(wave, ports, now)
    unknown = delivered.state is WaveState.UNKNOWN
    return SendResult(delivered, "unknown" if unknown else "sent"), notes


def _to_test_recipients(job: SendJob) -> SendJob:
    if job.test_recipients is None:
        raise ProjectError(
            f"jobs/{job.name}.toml: --test needs a section [test_recipients], with 'sql' or 'file'"
        )
    return job.model_copy(update={"selection": job.test_recipients})


def settle_left(job: SendJob, layouts: Layouts, ports: Ports, now: datetime) -> list[Wave]:
    """Bring to their end the waves of a job that earlier runs left; return those that were published, or are unknown."""
    return _settle(_unsettled(job, ports), layouts, ports, now)


def _settle(waves: list[Wave], layouts: Layouts, ports: Ports, now: datetime) -> list[Wave]:
    """Bring waves to their end, oldest first, but none after one whose outcome can't be known."""
    settled: list[Wave] = []
    ports.at("settle")
    if waves:
        up_to_date(waves[0].client, ports)
    for wave in waves:
        if not unknown_among(settled) and (ended := settle(wave, layouts.subscribers, ports, now)):
            settled.append(ended)
    return settled


def unknown_among(waves: list[Wave]) -> Wave | None:
    """Return the wave, if any, of which it can't be known whether it was mailed."""
    return next((wave for wave in waves if wave.state is WaveState.UNKNOWN), None)


def _unsettled(job: SendJob, ports: Ports) -> list[Wave]:
    """Return the job's waves of which it is not known that they were published, oldest first.

    Copies of the others that a killed run left in the outbox are put away.
    """
    unsettled = []
    for wave in ports.ledger.waves(job.client):
        if wave.job != job.name:
            continue
        if wave.state in (WaveState.PUBLISHED, WaveState.CONFIRMED):
            keep_copies(wave, ports)
        else:
            unsettled.append(wave)
    return unsettled


def _sent_in(slot: datetime, job: SendJob, ports: Ports) -> Wave | None:
    """Return the wave of this slot."""
    return sent_in(slot, job.name, ports.ledger.waves(job.client))


def _refuse_by_a_wrong_clock(wave: Wave, slot: datetime, now: datetime) -> None:
    """Don't say of a wave that it was sent in this slot where only a wrong clock makes it so."""
    if is_of_another_time(wave, slot, now):
        raise TryLater(
            f"wave {wave.wave_id} was built at {wave.built_at:%Y-%m-%d %H:%M} UTC by the clock of then, which is still to come: "
            "the clock was ahead then, or is behind now. Nothing was sent. Set the clock right; if that wave is not of this "
            "slot, send with --again"
        )


def _passed_over(job: SendJob, slot: datetime, ports: Ports) -> Notes:
    """Name the slots since the last wave's that had none: one wave goes out, not one for each."""
    waves = [w for w in ports.ledger.waves(job.client) if w.job == job.name and not w.test]
    earlier = [wave.slot for wave in waves if wave.slot and wave.slot < slot]
    if job.schedule is None or not earlier:
        return []
    missed = slots_between(job.schedule, max(earlier), slot, ports.client.zone)
    if not missed:
        return []
    ends = (missed[0], missed[-1])
    first, last = (f"{each.astimezone(ports.client.zone):%Y-%m-%d %H:%M}" for each in ends)
    when = first if first == last else f"{first} to {last}"
    return [
        f"{number(len(missed), 'slot')} before this one had no wave ({when}): what they would have sent is not made up for"
    ]


def _refuse_after_a_loss(job: SendJob, layouts: Layouts, ports: Ports, slot: datetime) -> None:
    """Send nothing where a kept copy shows a wave of this slot that the ledger has forgotten."""
    known = ports.ledger.stamps(job.client)
    names = [*ports.state.outbox_names(job.client), *ports.state.sent_names(job.client)]
    since = local_stamp(slot, ports.client.zone)
    if found := strangers(names, Pattern(layouts.subscribers.file), known, since):
        raise UntoldWave(
            f"{found[-1]} was sent in this slot, but the ledger does not know it: it may be this wave, "
            "sent before the ledger was lost or restored. Nothing was sent",
            found[-1],
        )


def _about(wave: Wave) -> str:
    """Return what a wave of this slot means for a run."""
    if wave.state is WaveState.UNKNOWN:
        return f"it is not known whether wave {wave.wave_id} was sent: nothing is, until closedloop restart {wave.job}"
    if wave.state in (WaveState.PUBLISHED, WaveState.CONFIRMED):
        return f"wave {wave.wave_id} of this slot was already sent: a run would send nothing but with --again"
    return f"wave {wave.wave_id} was left unfinished: the next run looks at the server first"


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
    if not built.written:
        why = "; ".join(f"{rows:,} {reason}" for reason, rows in built.dropped.items())
        raise ClosedLoopError(
            f"{name}: no row of product data is left ({why or 'none was selected'}); nothing was sent"
        )
    return [
        f"{name}: {rows:,} of {built.selected:,} rows dropped: {reason}"
        for reason, rows in built.dropped.items()
    ]


def _build(reserved: Wave, job: SendJob, layouts: Layouts, ports: Ports) -> Wave:
    """Write the subscriber file; return its wave with its counts."""
    wanted = _subscribers(job, layouts, reserved.wave_id)
    return _with(reserved, build(wanted, ports.state.outbox(job.client, reserved.file), ports))


def _with(wave: Wave, built: Built) -> Wave:
    return replace(
        wave,
        selected=built.selected,
        written=built.written,
        dropped=built.dropped,
        size=built.size,
        sha256=built.sha256,
    )


def _reserved(job: SendJob, stamp: int, name: str, purpose: Purpose, now: datetime) -> Wave:
    """Return a wave of which nothing is written yet."""
    return Wave(
        client=job.client,
        wave_id=stamp,
        job=job.name,
        source_mailing=job.source_mailing,
        file=name,
        slot=purpose.slot,
        test=purpose.test,
        resend_of=purpose.resend_of,
        state=WaveState.BUILT,
        selected=0,
        written=0,
        dropped={},
        size=0,
        sha256="",
        built_at=now,
    )
