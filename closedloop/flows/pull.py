"""Pulling: list, plan, fetch, check, load, archive."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain

from closedloop.ahead import importing
from closedloop.core.confirm import unseen
from closedloop.core.plan import Planned, Window, plan, recognised, window
from closedloop.core.report import from_json, number
from closedloop.core.room import scarcity
from closedloop.core.waiting import judged, waiting_since
from closedloop.errors import (
    ClosedLoopError,
    LogInRefused,
    NotThere,
    ProjectError,
    RemoteError,
    TryLater,
    WarehouseError,
)
from closedloop.flows.abreast import Abreast
from closedloop.flows.confirm import confirm, confirm_by_log
from closedloop.flows.fetch import (
    available,
    expected,
    forgotten,
    from_archive,
    known_files,
    land,
    tidy,
)
from closedloop.flows.platform import error_files
from closedloop.flows.ports import Ports
from closedloop.model.error_file import ErrorFile
from closedloop.model.file import Load, RemoteFile
from closedloop.model.job import PullJob
from closedloop.model.run import FileOutcome, FileStatus, MailingFigures, PullResult
from closedloop.model.table import Schema
from closedloop.model.wave import Wave
from closedloop.remote.base import NotAsListed

logger = logging.getLogger(__name__)

Notes = list[str]

COMPARED = timedelta(weeks=6)
"""So far back go the mailings that a fresh one is compared with."""

NOT_LOADED = (FileStatus.WAITING, FileStatus.REFUSED, FileStatus.UNREACHABLE)


def pull(
    job: PullJob,
    schemas: dict[str, Schema],
    ports: Ports,
    now: datetime,
    held: Sequence[ErrorFile] = (),
) -> tuple[PullResult, Notes]:
    """Take in every new or restated response file; return what became of each, and notes.

    Files that the error files `held` are about are left alone.
    """
    ports.at("list")
    days = window(now, ports.client.zone, ports.client.retention_days, job.expected_by)
    files = available(job, schemas, ports)
    known = known_files(job.client, ports, _first_day(files, schemas, days))
    planned = plan(files, known.values(), schemas, days)
    notes: Notes = []
    left: Iterable[Planned] = ()
    take, waiting = _but(held, planned.take)
    is_stale = bool(take) or _is_another(job, ports)
    if is_stale:
        # They begin to come while the warehouse is made ready; what it knows may make them fewer.
        expected(take, job, ports)
        importing("closedloop.flows.load")
        notes = _recall(job, ports)
        known = known_files(job.client, ports)
        planned = plan(files, known.values(), schemas, days)
        take, waiting = _but(held, planned.take)
        left = forgotten(job, schemas, known, {file.name for file in files}, ports)
    tidy(job, known, ports)
    since = _waiting_since(job, ports)
    coming = expected(take, job, ports)
    with Abreast(coming, job.client, ports.client.zone, ports.state) as abreast:
        came = [
            judged(_take_in(file, job, ports, abreast, now), since, now)
            for file in chain(left, coming)
        ]
        outcomes = _in_order(came, planned.take)
        waves, mailings, pointless = _told(job, outcomes, ports, now) if is_stale else ([], [], [])
    if short := scarcity(ports.state.free_bytes(), ports.ledger.files(job.client, date.max)):
        notes.append(short)
    halted, overlooked = _halted(job, ports)
    waves += confirm_by_log(job.client, ports, now)
    result = PullResult(
        tuple(outcomes),
        planned.missing,
        planned.ignored,
        halts=tuple(file.name for file in halted),
        halted=halted,
        held=waiting,
        mailings=tuple(mailings),
        waves=tuple(waves),
        unseen=tuple(unseen(ports.ledger.waves(job.client), now)),
    )
    return result, [*notes, *pointless, *overlooked]


def _told(
    job: PullJob, outcomes: list[FileOutcome], ports: Ports, now: datetime
) -> tuple[list[Wave], list[MailingFigures], Notes]:
    """Ask the warehouse which waves and mailings its rows tell of, and what points at nothing; let go of it."""
    notes = _pointing_at_nothing(job, outcomes, ports)
    waves = confirm(job.client, ports, now)
    mailings = ports.warehouse.mailings(job.client, now - COMPARED)
    # Closed first: its last bytes are written then.
    ports.warehouse.close()
    ports.ledger.put_mark(job.client, ports.warehouse.mark())
    return waves, mailings, notes


def _in_order(came: Iterable[FileOutcome], take: Sequence[Planned]) -> list[FileOutcome]:
    """Return what became of files in the order of the plan, what was left here first."""
    places = {planned.file.name: place for place, planned in enumerate(take)}
    return sorted(came, key=lambda outcome: places.get(outcome.name, -1))


def _first_day(files: Iterable[RemoteFile], schemas: dict[str, Schema], days: Window) -> date:
    """Return the first day whose loads a plan needs to know, so that those of all years need not be read."""
    listed, _ = recognised(files, schemas)
    return min([days.remembered, *(day for _, _, day in listed)])


def _halted(job: PullJob, ports: Ports) -> tuple[tuple[RemoteFile, ...], Notes]:
    """Return the platform's own error files, and a note if there is no folder where they would be found."""
    found = error_files(ports)
    if found is not None:
        return tuple(found), []
    overlooked = (
        f"{ports.client.errors}: the server has no such folder, so an error file of the platform would be overlooked; compare "
        f"'errors' in [clients.{job.client}] with what its support says"
    )
    return (), [overlooked]


def _waiting_since(job: PullJob, ports: Ports) -> dict[str, datetime]:
    """Return since when files are still being written, as the last run wrote down."""
    last = ports.ledger.last_report(job.name)
    return waiting_since(from_json(last)) if last else {}


def _but(
    held: Sequence[ErrorFile], take: Sequence[Planned]
) -> tuple[list[Planned], tuple[str, ...]]:
    """Part what is taken in from the names of the files that wait for a restart."""

    def waits(file: RemoteFile) -> bool:
        return any(error.is_about(file.name, file.size, file.modified) for error in held)

    waiting = tuple(planned.file.name for planned in take if waits(planned.file))
    return [planned for planned in take if not waits(planned.file)], waiting


def foresee(
    job: PullJob, schemas: dict[str, Schema], ports: Ports, now: datetime
) -> tuple[PullResult, Notes]:
    """Say what a pull would take in, from the listing and the ledger; fetch and load nothing."""
    days = window(now, ports.client.zone, ports.client.retention_days, job.expected_by)
    planned = plan(available(job, schemas, ports), ports.ledger.files(job.client), schemas, days)
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
    known = known_files(job.client, ports)
    listed, _ = recognised(available(job, schemas, ports), schemas)
    there = [
        Planned(file, schema, on, known.get(file.name)) for file, schema, on in listed if on == day
    ]
    archived = from_archive(day, job, schemas, known, {p.file.name for p in there}, ports)
    again = [*there, *archived]
    coming = expected(again, job, ports)
    with Abreast(coming, job.client, ports.client.zone, ports.state) as abreast:
        came = [_take_in(planned, job, ports, abreast, now, again=True) for planned in coming]
    outcomes = _in_order(came, again)
    notes += _left_alone(day, {planned.file.name for planned in again}, known)
    notes += _pointing_at_nothing(job, outcomes, ports)
    return PullResult(tuple(outcomes), waves=tuple(confirm(job.client, ports, now))), notes


def _left_alone(day: date, names: set[str], known: dict[str, Load]) -> Notes:
    """Say of which files of a day there is nothing to take in again."""
    if not names:
        raise ProjectError(
            f"{day:%Y-%m-%d}: no file of this day is on the server or in the archive; nothing was done"
        )
    return [
        f"{name} is neither on the server nor in the archive; its rows stay as they are"
        for name, load in known.items()
        if load.file.day == day and name not in names
    ]


def _is_another(job: PullJob, ports: Ports) -> bool:
    """Say whether the warehouse may not be the one that the ledger remembers: lost, or an older copy put back."""
    mark = ports.warehouse.mark()
    return mark is None or mark != ports.ledger.mark(job.client)


def _recall(job: PullJob, ports: Ports) -> Notes:
    """Bring the warehouse's tables up to date, and the ledger in line with what it holds."""
    notes = ports.warehouse.prepare(ports.responses)
    ports.ledger.heal_files(job.client, ports.warehouse.loads(job.client))
    return notes


def _take_in(
    planned: Planned,
    job: PullJob,
    ports: Ports,
    abreast: Abreast,
    now: datetime,
    *,
    again: bool = False,
) -> FileOutcome:
    """Bring one file home, whatever happens to it: here alone a file's failure becomes a value."""
    # Late: most runs find nothing new, and the reader takes longer to import than such a run.
    from closedloop.flows.load import load

    file = planned.file
    outcome = FileOutcome(
        file.name,
        planned.schema.name,
        planned.day,
        _status(planned, again=again),
        size=file.size,
        modified=file.modified,
    )
    try:
        ports.at("fetch")
        landed = land(planned, job, ports)
        outcome = replace(outcome, sha256=landed.identity.sha256)
        ports.at("check")
        tally, quarantine = load(landed, job, ports, now, abreast.read(landed))
        abreast.pack(landed.path, ports.state.archived(landed.identity))
    except (WarehouseError, TryLater, LogInRefused):
        raise
    except NotAsListed as error:
        return replace(outcome, status=FileStatus.WAITING, detail=str(error))
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


def _pointing_at_nothing(job: PullJob, outcomes: list[FileOutcome], ports: Ports) -> Notes:
    """Ask the warehouse which references in the new rows point at nothing yet."""
    names = [outcome.name for outcome in outcomes if outcome.status not in NOT_LOADED]
    if not names:
        return []
    return [
        f"{name}: {number(rows, 'row')} with a {column} that points at nothing yet"
        for name, column, rows in ports.warehouse.unresolved(job.client, names)
    ]
