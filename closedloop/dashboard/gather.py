"""What the page shows, gathered from warehouse, ledger and error files; nothing is changed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from closedloop.core.calendar import calendar
from closedloop.core.plan import window
from closedloop.core.sheets import (
    domains_sheet,
    links_sheet,
    mailings_sheet,
    runs_sheet,
    suppressions_sheet,
    waves_sheet,
)
from closedloop.core.tongue import Tongue
from closedloop.errorfiles import ErrorFiles
from closedloop.ledger import Ledger
from closedloop.model.error_file import ErrorFile
from closedloop.model.job import PullJob, SendJob
from closedloop.model.letter import Language
from closedloop.model.page import Calendar, Page, Sheet, Trouble
from closedloop.model.settings import Client
from closedloop.warehouse.base import Warehouse
from closedloop.warehouse.figures import figures

RUNS_SHOWN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the page's figures come from, and the facts of the project it needs."""

    clients: Mapping[str, Client]
    jobs: Mapping[str, SendJob | PullJob]
    warehouse: Warehouse
    ledger: Ledger
    errors: ErrorFiles


def gather(sources: Sources, language: Language, now: datetime) -> Page:
    """Return the page as it is now."""
    zones = {name: client.zone for name, client in sources.clients.items()}
    tongue = Tongue(language, next(iter(zones.values())))
    return Page(
        language=language,
        written=now.astimezone(tongue.zone),
        clients=tuple(zones),
        sheets=_sheets(sources, tongue, now),
        calendars=tuple(_calendar(name, sources, now) for name in zones),
        troubles=tuple(_trouble(error, tongue) for error in sources.errors.open()),
    )


def _sheets(sources: Sources, tongue: Tongue, now: datetime) -> tuple[Sheet, ...]:
    zones = {name: client.zone for name, client in sources.clients.items()}
    known = figures(sources.warehouse)
    runs = [asdict(run) for run in sources.ledger.runs_since(now - RUNS_SHOWN)]
    return (
        mailings_sheet(known.mailings, known.waves, zones, tongue),
        waves_sheet(known.waves, zones, tongue),
        links_sheet(known.links, known.mailings, zones, tongue),
        domains_sheet(known.domains, tongue),
        suppressions_sheet(known.suppressions, tongue),
        runs_sheet(runs, zones, tongue),
    )


def _calendar(name: str, sources: Sources, now: datetime) -> Calendar:
    client = sources.clients[name]
    expected_by = _expected_by(name, sources.jobs.values())
    latest = max(expected_by.values(), default="")
    days = window(now, client.zone, client.retention_days, latest)
    return calendar(name, sources.ledger.files(name), expected_by, days, client.zone)


def _expected_by(client: str, jobs: Iterable[SendJob | PullJob]) -> dict[str, str]:
    """Return when the file of each schema should be there, by the jobs that pull it."""
    pulls = [job for job in jobs if isinstance(job, PullJob) and job.client == client]
    return {schema: job.expected_by for job in pulls for schema in job.schemas}


def _trouble(error: ErrorFile, tongue: Tongue) -> Trouble:
    return Trouble(
        job=error.job,
        client=error.client,
        what=tongue.say("failed" if error.suspends in ("nothing", "files") else "Suspended"),
        since=error.time,
        sentence=tongue.term(error.problem),
        steps=tuple((tongue.term(step.when), step.command) for step in error.next_steps),
    )
