"""The commands that print what starts the jobs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from closedloop.core.systemd import Place
    from closedloop.project import Project

READABLE_BY_ALL = 0o644


@click.group()
def schedule() -> None:
    """Print what starts the jobs.

    \b
    closedloop --project /srv/newsletter schedule cron | crontab -
    closedloop --project /srv/newsletter schedule systemd --write /etc/systemd/system
    """


@schedule.command()
@click.pass_obj
def cron(setting: Setting) -> None:
    """Print a crontab for all jobs that have a schedule.

    \b
    closedloop --project /srv/newsletter schedule cron | crontab -
    """
    from closedloop.core.crontab import crontab

    project = setting.project()
    zones = {name: client.zone for name, client in project.settings.clients.items()}
    click.echo(crontab(project.jobs, zones, _own_command(), str(project.root)), nl=False)


@schedule.command()
@click.option("--user", default="closedloop", show_default=True, help="Who runs the jobs.")
@click.option(
    "--write",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Write the units into this folder instead, and say what to do next.",
)
@click.pass_obj
def systemd(setting: Setting, user: str, folder: Path | None) -> None:
    """Print systemd units, a timer and a service for each job that has a schedule.

    The services may write into the project's state only, and read their secrets as credentials from /etc/credstore. A send job has a
    second timer, for what a slot left undone. docs/deploy.md says how to install them, and why they are as they are.

    \b
    closedloop --project /srv/newsletter schedule systemd
    closedloop --project /srv/newsletter schedule systemd --user newsletter --write /etc/systemd/system
    """
    from closedloop.core.systemd import UNITS, Place, units

    project = setting.project()
    if not any(job.schedule for job in project.jobs.values()):
        raise ProjectError(f"jobs/: no job in {project.root} has a 'schedule'")
    place = Place(_own_command(), str(project.root), user, _written(project))
    found = units(project.jobs, project.settings, place)
    if folder:
        _write(found, folder)
        _tell_next(project, place, found, folder)
        return
    for name, text in found.items():
        click.echo(f"# {UNITS}/{name}\n{text}")


def _written(project: "Project") -> list[str]:
    """Return the folders that runs write into, the state folder first; what lies in it needs no mention."""
    from closedloop.selection import database_path

    settings = project.settings
    files = {"warehouse.url": database_path(settings.warehouse.url, project.root)}
    if settings.dashboard and settings.dashboard.file:
        files["dashboard.file"] = project.root / settings.dashboard.file
    if settings.metrics:
        files["metrics.file"] = project.root / settings.metrics.file
    others = {key: file for key, file in files.items() if not file.is_relative_to(project.state)}
    for key, file in others.items():
        _refuse_beside_the_project(key, file, project)
    return [str(project.state), *sorted({str(file.parent) for file in others.values()})]


def _refuse_beside_the_project(key: str, file: Path, project: "Project") -> None:
    """Let no unit write into the folder of the jobs and keys: a file is replaced by writing another one beside it."""
    if project.root.is_relative_to(os.path.normpath(file.parent)):
        raise ProjectError(
            f"closedloop.toml: key '{key}': a unit would have to be allowed to write all of {file.parent}, jobs and keys "
            f"included. Put {file.name} into a folder of its own"
        )


def _write(found: dict[str, str], folder: Path) -> None:
    from closedloop.state import appearing, speaking

    for name, text in found.items():
        with speaking(folder / name), appearing(folder / name) as stream:
            stream.write(text.encode())
        (folder / name).chmod(READABLE_BY_ALL)
        click.echo(f"wrote {folder / name}")


def _tell_next(project: "Project", place: "Place", found: dict[str, str], folder: Path) -> None:
    click.echo("\nNext, as root:")
    for step in _next_steps(project, place, found, folder):
        click.echo(f"  {step}")


def _next_steps(
    project: "Project", place: "Place", found: dict[str, str], folder: Path
) -> Iterator[str]:
    from closedloop.core.systemd import CREDENTIALS, credential_file, credentials

    clients = project.settings.clients.values()
    secrets = {name for client in clients for name in credentials(client, project.settings)}
    if secrets:
        yield f"install -d -m 700 {CREDENTIALS}"
    for name in sorted(secrets):
        yield f"install -m 600 /dev/stdin {credential_file(name, place)}    # type the secret, then Ctrl-D"
    # Of a job that is gone, or has another name, the timer would go on.
    left = sorted({path.name for path in folder.glob(f"{place.prefix}-*.timer")} - {*found})
    for name in left:
        yield f"systemctl disable --now {name} && rm {folder}/{name} {folder}/{Path(name).stem}.service    # no job of this project any more"
    timers = " ".join(name for name in found if name.endswith(".timer"))
    yield f"systemctl daemon-reload && systemctl enable --now {timers}"


def _own_command() -> list[str]:
    """Return the words that start this program from anywhere."""
    started = Path(sys.argv[0]).absolute()
    if started.name == "__main__.py":
        return [sys.executable, "-m", "closedloop"]
    return [str(started)]
