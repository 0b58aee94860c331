"""The page for those who look at newsletters: closedloop dashboard, and what a pull does of it."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.errors import ClosedLoopError, ProjectError

if TYPE_CHECKING:
    from datetime import datetime

    from closedloop.model.page import Page
    from closedloop.project import Project

logger = logging.getLogger(__name__)

PRINTED = Path("-")


@click.command()
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@click.pass_obj
def dashboard(setting: Setting, file: Path | None) -> None:
    """Write one HTML page about mailings, reactions and deliveries.

    It holds no addresses and needs no network: open it in a browser, mail it, print it. FILE is [dashboard] file of closedloop.toml
    unless given, else dashboard.html in the state folder; - prints it. With a section [dashboard] every pull writes it anew.

    \b
    closedloop dashboard
    closedloop dashboard /srv/www/newsletter.html
    """
    from closedloop.dashboard.render import as_html
    from closedloop.dashboard.write import write_page

    project = setting.project()
    if file and not file.parent.is_dir():
        raise ProjectError(
            f"{file}: there is no folder {file.parent}; make it first, or name another"
        )
    page = _page(project, setting.now())
    if file == PRINTED:
        click.echo(as_html(page), nl=False)
        return
    path = file.absolute() if file else _usual_path(project)
    size = write_page(page, path)
    click.echo(f"{path}: {size / 1000:,.0f} kB; open it in a browser")


def refresh(project: "Project", now: "datetime") -> None:
    """Write the page anew if there is something new; no trouble with it fails the run."""
    from closedloop.dashboard.write import is_fresh, write_page
    from closedloop.state import StateFolder

    path, state = _usual_path(project), StateFolder(project.state)
    made_of = [_warehouse_path(project), project.state / "errors", project.root / "closedloop.toml"]
    if is_fresh(path, made_of, state.ledger):
        return
    try:
        write_page(_page(project, now), path)
    except (ClosedLoopError, OSError) as error:
        logger.warning("the page could not be written: %s", error)


def _page(project: "Project", now: "datetime") -> "Page":
    from closedloop.dashboard.gather import Sources, gather
    from closedloop.edges import warehouse
    from closedloop.errorfiles import ErrorFiles
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    state, settings = StateFolder(project.state), project.settings
    state.refuse_if_gone()
    with ExitStack() as opened:
        sources = Sources(
            settings.clients,
            project.jobs,
            opened.enter_context(warehouse(project, read_only=True)),
            opened.enter_context(Ledger(state.ledger)),
            ErrorFiles(state),
            str(project.root),
        )
        return gather(sources, settings.page_language, now)


def _usual_path(project: "Project") -> Path:
    configured = project.settings.dashboard
    if configured and configured.file:
        return project.root / configured.file
    return project.state / "dashboard.html"


def _warehouse_path(project: "Project") -> Path:
    from closedloop.selection import database_path

    return database_path(project.settings.warehouse.url, project.root)
