"""The edges of a run, built from a project: remote, warehouse, ledger, state."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from closedloop.errors import ProjectError
from closedloop.flows.ports import Ports
from closedloop.ledger import Ledger
from closedloop.model.job import PullJob, SendJob
from closedloop.project import Project
from closedloop.remote.base import Progress
from closedloop.selection import database_path, selected
from closedloop.state import StateFolder
from closedloop.warehouse.base import Warehouse


@contextmanager
def ports(
    project: Project, job: SendJob | PullJob, watch: Callable[[str], Progress]
) -> Iterator[Ports]:
    """Give a job its edges; nothing is connected before it is used, everything is closed at the end."""
    from closedloop.remote.sftp import open_remote

    client = project.client(job.client)
    with (
        open_remote(client, project.root, os.environ.get, name=job.client) as remote,
        warehouse(project) as stored,
        Ledger(StateFolder(project.state).ledger) as ledger,
    ):
        yield Ports(
            client=client,
            remote=remote,
            warehouse=stored,
            ledger=ledger,
            state=StateFolder(project.state),
            responses=project.responses(),
            blocklist=project.blocklist() if isinstance(job, SendJob) else [],
            rows=partial(selected, root=project.root, warehouse=stored),
            watch=watch,
        )


def warehouse(project: Project) -> Warehouse:
    """Return the project's warehouse, not yet opened."""
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    settings = project.settings.warehouse
    scheme = settings.url.partition("://")[0]
    if scheme != "duckdb":
        raise ProjectError(
            f"closedloop.toml: key 'warehouse.url': '{scheme}' is no warehouse; write duckdb:///var/warehouse.duckdb"
        )
    path = database_path(settings.url, project.root)
    return DuckDBWarehouse(path, settings.lock_wait_seconds, project.settings.suppression)
