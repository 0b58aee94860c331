"""Mailing a wave once more, to those whom it bounced softly: a wave of its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from polars import DataFrame, Series, String

from closedloop.copies import lines
from closedloop.core.recipients import selected_columns
from closedloop.core.resend import mailings_of, rows_of, wave_of
from closedloop.errors import ProjectError
from closedloop.flows.ports import Layouts, Ports
from closedloop.flows.send import (
    Purpose,
    foresee_wave,
    send_wave,
    settle_left,
    unknown_among,
)
from closedloop.flows.suppress import up_to_date
from closedloop.flows.waiting import wait_for_earlier, wait_for_the_platform
from closedloop.model.job import Selection, SendJob
from closedloop.model.run import SendResult
from closedloop.model.table import Schema
from closedloop.model.wave import Wave

Notes = list[str]


def resend(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, wave_id: int, *, again: bool
) -> tuple[SendResult, Notes]:
    """Send a new wave to those whom an earlier one bounced softly; `again` does so a second time, and waits for no other.

    First it is found out what became of a wave that an earlier run left unfinished.
    """
    settled = settle_left(job, layouts, ports, now)
    if unknown := unknown_among(settled):
        return SendResult(unknown, "unknown"), []
    if finished := next((wave for wave in settled if wave.resend_of == wave_id), None):
        return SendResult(finished, "sent"), [
            f"wave {finished.wave_id} was left unfinished by an earlier run; this one brought it to its end"
        ]
    waves = ports.ledger.waves(job.client)
    wave = wave_of(waves, wave_id)
    given = _with_rows_of(wave, _bounced(wave, ports, again=again), job, layouts, ports)
    if given is None:
        return SendResult(wave, "nobody bounced"), []
    wait_for_the_platform(ports)
    waited = [] if again else wait_for_earlier(job, ports, now)
    result, notes = send_wave(job, layouts, given, now, Purpose(resend_of=wave_id))
    return result, [*notes, *waited]


def foresee_resend(
    job: SendJob, layouts: Layouts, ports: Ports, now: datetime, wave_id: int, *, again: bool
) -> tuple[SendResult, Notes]:
    """Say who would be mailed; send nothing, write nothing remote."""
    wave = wave_of(ports.ledger.waves(job.client), wave_id)
    given = _with_rows_of(wave, _bounced(wave, ports, again=again), job, layouts, ports)
    if given is None:
        return SendResult(wave, "nobody bounced"), []
    return foresee_wave(job, layouts, given, now, Purpose(resend_of=wave_id))


def _bounced(wave: Wave, ports: Ports, *, again: bool) -> Series:
    """Return whom a wave, and its resends, bounced softly and no other of them reached."""
    mailings = mailings_of(wave, ports.ledger.waves(wave.client), again=again)
    up_to_date(wave.client, ports)
    return ports.warehouse.bounced_softly(wave.client, mailings)


def _with_rows_of(
    wave: Wave, recipients: Series, job: SendJob, layouts: Layouts, ports: Ports
) -> Ports | None:
    """Return edges whose selection is the kept copy of a wave; None if nobody of these is in it."""
    if wave.source_mailing != job.source_mailing:
        raise ProjectError(
            f"wave {wave.wave_id} sent the mailing {wave.source_mailing}, and jobs/{job.name}.toml sends {job.source_mailing} now; "
            "nothing was sent"
        )

    def rows(selection: Selection) -> Iterator[DataFrame]:
        if selection is job.selection:
            return _kept_rows(wave, recipients, layouts.subscribers, ports)
        return ports.rows(selection)

    if not any(len(batch) for batch in rows(job.selection)):
        return None
    return replace(ports, rows=rows)


def _kept_rows(wave: Wave, recipients: Series, schema: Schema, ports: Ports) -> Iterator[DataFrame]:
    """Yield the rows of a wave's kept copy that go to these recipients."""
    yield DataFrame(schema={column.header: String() for column in selected_columns(schema)})
    copy = ports.state.sent(wave.client, wave.file)
    if not copy.is_file():
        raise ProjectError(f"wave {wave.wave_id}: no copy of {wave.file} is kept; nothing was sent")
    for place, content in enumerate(lines(copy)):
        yield rows_of(content, schema, recipients, is_first=place == 0)
