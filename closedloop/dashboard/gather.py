"""What the page shows, gathered from warehouse, ledger and error files; nothing is changed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from closedloop.core.calendar import calendar
from closedloop.core.plan import window
from closedloop.core.report import WHERE_FILES_STAY_AWAY
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
from closedloop.model.commands import in_project
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
    """Where the page's figures come from, and the facts of the project it needs; `folder` is for its commands."""

    clients: Mapping[str, Client]
    jobs: Mapping[str, SendJob | PullJob]
    warehouse: Warehouse
    ledger: Ledger
    errors: ErrorFiles
    folder: str


def gather(sources: Sources, language: Language, now: datetime) -> Page:
    """Return the page as it is now."""
    zones = {name: client.zone for name, client in sources.clients.items()}
    tongue = Tongue(language, next(iter(zones.values())))
    return Page(
        language=language,
        written=now.astimezone(tongue.zone),
        clients=tuple(zones),
        sheets=_sheets(sources, tongue, now),
        calendars=tuple(_calendar(name, sources, tongue, now) for name in zones),
        troubles=tuple(_trouble(error, tongue, sources.folder) for error in sources.errors.open()),
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


def _calendar(name: str, sources: Sources, tongue: Tongue, now: datetime) -> Calendar:
    client, pulls = sources.clients[name], _pulls(name, sources.jobs.values())
    expected_by = {schema: job.expected_by for job in pulls for schema in job.schemas}
    latest = max(expected_by.values(), default="")
    days = window(now, client.zone, client.retention_days, latest)
    when = tongue.term(WHERE_FILES_STAY_AWAY)
    steps = tuple((when, in_project(f"closedloop run {job.name}", sources.folder)) for job in pulls)
    made = calendar(name, sources.ledger.files(name), expected_by, days, client.zone)
    return replace(made, steps=steps)


def _pulls(client: str, jobs: Iterable[SendJob | PullJob]) -> list[PullJob]:
    return [job for job in jobs if isinstance(job, PullJob) and job.client == client]


def _trouble(error: ErrorFile, tongue: Tongue, folder: str) -> Trouble:
    return Trouble(
        job=error.job,
        client=error.client,
        what=tongue.say("failed" if error.suspends in ("nothing", "files") else "Suspended"),
        since=error.time,
        sentence=in_project(tongue.term(error.problem), folder),
        steps=tuple(
            (tongue.term(step.when), in_project(step.command, folder)) for step in error.next_steps
        ),
    )
