"""Pulling: list, plan, fetch, check, load, archive."""

import logging
import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from closedloop.core.plan import Planned, plan, recognised, window
from closedloop.errors import ClosedLoopError, NotThere, RemoteError, TryLater, WarehouseError
from closedloop.flows.load import Landed, load
from closedloop.flows.ports import Ports
from closedloop.model.file import FileIdentity, Load, RemoteFile
from closedloop.model.job import PullJob
from closedloop.model.run import FileOutcome, FileStatus, PullResult
from closedloop.model.table import Schema
from closedloop.state import pack, sha256, unpack

logger = logging.getLogger(__name__)

Notes = list[str]


def pull(
    job: PullJob, schemas: dict[str, Schema], ports: Ports, now: datetime
) -> tuple[PullResult, Notes]:
    """Take in every new or restated response file; return what became of each, and notes."""
    days = window(now, ports.client.zone, ports.client.retention_days, job.expected_by)
    listing = ports.remote.listing(ports.client.download)
    planned = plan(listing, ports.ledger.files(job.client), schemas, days)
    notes: Notes = []
    if planned.take:
        notes = _recall(job, ports)
        planned = plan(listing, ports.ledger.files(job.client), schemas, days)
    _tidy(job, ports)
    outcomes = [_take_in(file, job, ports, now) for file in planned.take]
    notes += _afterwards(job, outcomes, ports)
    return PullResult(tuple(outcomes), planned.missing, planned.ignored), notes


def foresee(
    job: PullJob, schemas: dict[str, Schema], ports: Ports, now: datetime
) -> tuple[PullResult, Notes]:
    """Say what a pull would take in, from the listing and the ledger; fetch and load nothing."""
    days = window(now, ports.client.zone, ports.client.retention_days, job.expected_by)
    planned = plan(
        ports.remote.listing(ports.client.download), ports.ledger.files(job.client), schemas, days
    )
    notes = [
        f"would take in {p.file.name} ({p.file.size:,} bytes{', restated' if p.known else ''})"
        for p in planned.take
    ]
    return PullResult(missing=planned.missing, ignored=planned.ignored), notes


def reload(
    job: PullJob, schemas: dict[str, Schema], ports: Ports, day: date, now: datetime
) -> tuple[PullResult, Notes]:
    """Take in the files of one day again: from the server or, where it forgot them, from the archive."""
    notes = _recall(job, ports)
    known = {load.file.name: load for load in ports.ledger.files(job.client)}
    listed, _ = recognised(ports.remote.listing(ports.client.download), schemas)
    there = [
        Planned(file, schema, on, known.get(file.name)) for file, schema, on in listed if on == day
    ]
    gone = [
        load
        for name, load in known.items()
        if load.file.day == day and name not in {p.file.name for p in there}
    ]
    kept = [
        _from_archive(load, schemas[load.file.schema], ports)
        for load in gone
        if load.file.schema in schemas
    ]
    outcomes = [_take_in(planned, job, ports, now, again=True) for planned in [*there, *kept]]
    if not outcomes:
        notes.append(
            f"{day:%Y-%m-%d}: no file of this day is on the server, and none was ever loaded"
        )
    return PullResult(tuple(outcomes)), notes + _afterwards(job, outcomes, ports)


def _recall(job: PullJob, ports: Ports) -> Notes:
    """Bring the warehouse's tables up to date, and the ledger in line with what it holds."""
    notes = ports.warehouse.prepare(ports.responses)
    ports.ledger.heal_files(job.client, ports.warehouse.loads(job.client))
    return notes


def _tidy(job: PullJob, ports: Ports) -> None:
    """Archive what an interrupted run loaded and left in the landing folder."""
    known = {load.file.name: load.file for load in ports.ledger.files(job.client)}
    for path in ports.state.landed(job.client):
        file = known.get(path.name)
        if file and _is_here(path, file.size, file.modified):
            pack(path, ports.state.archived(file))


def _take_in(
    planned: Planned, job: PullJob, ports: Ports, now: datetime, *, again: bool = False
) -> FileOutcome:
    """Bring one file home, whatever happens to it: here alone a file's failure becomes a value."""
    outcome = FileOutcome(
        planned.file.name, planned.schema.name, planned.day, _status(planned, again=again)
    )
    try:
        landed = _land(planned, job, ports)
        tally, quarantine = load(landed, job, ports, now)
        pack(landed.path, ports.state.archived(landed.identity))
    except (WarehouseError, TryLater):
        raise
    except (RemoteError, NotThere) as error:
        logger.warning("%s: not fetched: %s", planned.file.name, error)
        return replace(outcome, status=FileStatus.UNREACHABLE, detail=str(error))
    except ClosedLoopError as error:
        logger.warning("%s: refused: %s", planned.file.name, error)
        return replace(outcome, status=FileStatus.REFUSED, detail=str(error))
    counts = tally.counts
    logger.info(
        "%s: %d loaded, %d quarantined, %d blank",
        outcome.name,
        counts.loaded,
        counts.quarantined,
        counts.blank,
    )
    warnings = (
        *tally.warned(),
        *(() if landed.identity.size else ("the file is empty, not even a header",)),
    )
    place = ports.state.shown(quarantine) if quarantine else None
    return replace(
        outcome, counts=counts, rejects=tally.by_rule(), warnings=warnings, quarantine=place
    )


def _status(planned: Planned, *, again: bool) -> FileStatus:
    if planned.known is None:
        return FileStatus.LOADED
    return FileStatus.RELOADED if again else FileStatus.RESTATED


def _land(planned: Planned, job: PullJob, ports: Ports) -> Landed:
    """Have the file in the landing folder: fetched now, or whole already from an interrupted run."""
    file, path = planned.file, ports.state.landing(job.client, planned.file.name)
    if _is_here(path, file.size, file.modified):
        digest = sha256(path)
    else:
        digest = ports.remote.fetch(
            ports.client.download, file, path, ports.watch(f"fetch {file.name}")
        )
        os.utime(path, (file.modified.timestamp(), file.modified.timestamp()))
    schema = planned.schema
    identity = FileIdentity(
        job.client, schema.name, file.name, planned.day, file.size, file.modified, digest
    )
    return Landed(path, identity, schema)


def _from_archive(known: Load, schema: Schema, ports: Ports) -> Planned:
    """Put an archived file back into the landing folder, as if it had just been fetched."""
    file, path = known.file, ports.state.landing(known.file.client, known.file.name)
    if ports.state.archived(file).is_file():
        unpack(ports.state.archived(file), path)
        os.utime(path, (file.modified.timestamp(), file.modified.timestamp()))
    return Planned(RemoteFile(file.name, file.size, file.modified), schema, file.day, known)


def _is_here(path: Path, size: int, modified: datetime) -> bool:
    """Say whether a landed file is the whole of the one listed: its time was set when it was fetched."""
    if not path.is_file():
        return False
    found = path.stat()
    return (found.st_size, int(found.st_mtime)) == (size, int(modified.timestamp()))


def _afterwards(job: PullJob, outcomes: list[FileOutcome], ports: Ports) -> Notes:
    """Tell the warehouse about our waves, and ask it which references point at nothing yet."""
    names = [
        outcome.name
        for outcome in outcomes
        if outcome.status not in (FileStatus.REFUSED, FileStatus.UNREACHABLE)
    ]
    if not names:
        return []
    ports.warehouse.record_waves(ports.ledger.waves(job.client))
    return [
        f"{name}: {rows:,} rows refer to a {column} that has not come yet"
        for name, column, rows in ports.warehouse.unresolved(job.client, names)
    ]
