"""The edges of a run, built from a project: remote, warehouse, ledger, state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from closedloop.credentials import environment
from closedloop.errorfiles import ErrorFiles
from closedloop.errors import ProjectError
from closedloop.flows.ports import Ports
from closedloop.forgotten import ForgottenList
from closedloop.ledger import Ledger
from closedloop.locks import Patience
from closedloop.mail.base import Mailer, NoMailer
from closedloop.model.job import PullJob, Selection, SendJob
from closedloop.model.settings import database_file
from closedloop.project import Project
from closedloop.remote.base import Progress
from closedloop.state import StateFolder
from closedloop.stopping import NEVER, Stopping, listening
from closedloop.warehouse.base import Warehouse


@contextmanager
def working(project: Project, job: SendJob | PullJob, *, shown: bool) -> Iterator[Ports]:
    """Give a job its edges, for it alone; a signal, or the end of its time, ends it at the next safe point."""
    from closedloop.console import watching
    from closedloop.flows.runner import alone

    state = StateFolder(project.state)
    state.refuse_if_gone()
    stopping = Stopping()
    patience = Patience(project.settings.warehouse.lock_wait_seconds, stopping.sleep)
    with (
        listening(stopping, job.name, job.deadline_minutes),
        alone(job, state, patience),
        watching(shown=shown) as watch,
        ports(project, job, watch, stopping) as given,
    ):
        yield given


@contextmanager
def ports(
    project: Project,
    job: SendJob | PullJob,
    watch: Callable[[str], Progress],
    stopping: Stopping = NEVER,
) -> Iterator[Ports]:
    """Give a job its edges; nothing is connected before it is used, everything is closed at the end."""
    from closedloop.remote.sftp import open_remote
    from closedloop.remote.stoppable import StoppableRemote

    client = project.client(job.client)
    server = open_remote(client, project.root, environment().get, name=job.client)
    with (
        StoppableRemote(server, stopping) as remote,
        warehouse(project, stopping) as stored,
        Ledger(StateFolder(project.state).ledger) as ledger,
    ):
        yield Ports(
            client=client,
            client_name=job.client,
            remote=remote,
            warehouse=stored,
            ledger=ledger,
            state=StateFolder(project.state),
            responses=project.responses(),
            blocklist=project.blocklist() if isinstance(job, SendJob) else [],
            rows=partial(_selected, root=project.root, warehouse=stored, stopping=stopping),
            watch=_safe_points(watch, stopping),
            errors=ErrorFiles(StateFolder(project.state)),
            mailer=mailer(project),
            forgotten=ForgottenList(project.state).of(job.client),
        )


def _selected(selection: Selection, **given: Any) -> Iterator[Any]:
    """Yield the rows of a selection; what reads them is imported here, for most runs select nobody."""
    from closedloop.selection import selected

    return selected(selection, **given)


def _safe_points(watch: Callable[[str], Progress], stopping: Stopping) -> Callable[[str], Progress]:
    """Let whatever tells of its progress end there, if the run is to end."""

    def watched(title: str) -> Progress:
        stopping.check()
        progress = watch(title)

        def advance(done: int, whole: int) -> None:
            stopping.check()
            progress(done, whole)

        return advance

    return watched


def mailer(project: Project) -> Mailer:
    """Return who brings letters to the operators; without [mail] nobody does."""
    settings = project.settings.mail
    if settings is None:
        return NoMailer()
    from closedloop.mail.mailer import SpooledMailer

    return SpooledMailer(settings, project.root, StateFolder(project.state), environment())


def warehouse(
    project: Project, stopping: Stopping = NEVER, *, read_only: bool = False
) -> Warehouse:
    """Return the project's warehouse, not yet opened."""
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    settings = project.settings.warehouse
    scheme = settings.url.partition("://")[0]
    if scheme != "duckdb":
        raise ProjectError(
            f"closedloop.toml: key 'warehouse.url': '{scheme}' is no warehouse; write duckdb:///var/warehouse.duckdb"
        )
    path = project.root / database_file(settings.url)
    return DuckDBWarehouse(
        path,
        settings.lock_wait_seconds,
        project.settings.suppression,
        read_only=read_only,
        stopping=stopping,
    )
