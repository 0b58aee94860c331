"""The commands of the first hour: init, check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from closedloop.project import Project


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--client",
    show_default="de, or the emulator's only one",
    help="Your name for the client (Mandant).",
)
@click.option(
    "--host", default="sftp.example.com", show_default=True, help="The platform's SFTP server."
)
@click.option("--port", default=22, show_default=True)
@click.option("--user", default="r_example", show_default=True)
@click.option(
    "--key", default="keys/id_rsa", show_default=True, help="Private key, relative to FOLDER."
)
@click.option(
    "--host-key",
    "host_keys",
    multiple=True,
    help="The server's key, 'ssh-ed25519 AAAA...'; may be repeated.",
)
@click.option(
    "--emulator", type=click.Path(file_okay=False, path_type=Path),
    help="Speak to the platform emulator in this folder instead of a server ('closedloop emulate').",
)  # fmt: skip
def init(
    folder: Path,
    client: str | None,
    host: str,
    port: int,
    user: str,
    key: str,
    host_keys: tuple[str, ...],
    emulator: Path | None,
) -> None:
    """Write a new project into FOLDER: closedloop.toml, jobs/ and schemas/.

    \b
    closedloop init shop --host sftp.example.com --user r_shop --host-key "ssh-ed25519 AAAA..."
    closedloop init shop --emulator platform        to rehearse on this machine
    """
    from closedloop.scaffold import client_section, emulated, write_project

    if emulator:
        client, section = emulated(emulator, client)
    else:
        client = "de" if client is None else client
        section = client_section(
            client, host, port, user, key, host_keys or ("ssh-ed25519 AAAA...",)
        )
    for name in write_project(folder, client, section, rehearsal=emulator is not None):
        click.echo(f"wrote {folder / name}")
    click.echo("\nNext:")
    for step in _next_steps(folder, rehearsal=emulator is not None):
        click.echo(f"  {step}")


def _next_steps(folder: Path, *, rehearsal: bool) -> list[str]:
    call = f"closedloop --project {folder}"
    rest = [f"{call} check", f"{call} run send_newsletter --dry-run"]
    if rehearsal:
        return [*rest, f"{call} run send_newsletter"]
    return [
        f"{folder}/closedloop.toml: the server, its key, your key",
        f"{folder}/jobs/send_newsletter.toml: your source_mailing and selection",
        *rest,
    ]


@click.command()
@click.option("--online", is_flag=True, help="Ask the servers, too, and print a checklist.")
@click.option(
    "--log-in",
    is_flag=True,
    help="With --online: log in even where the last log-in was refused. Accounts get locked.",
)
@click.pass_obj
def check(setting: Setting, *, online: bool, log_in: bool) -> int:
    """Check closedloop.toml, jobs/ and schemas/, and hold them against each other.

    Names every mistake with its file and key. Reads selections from files and from databases on this machine, to
    see that they yield exactly the subscriber columns; tries the schemas on a warehouse that is thrown away; asks no
    server.

    With --online it then tries what a run needs, once and harmlessly: state folder, host key, log-in, the upload folder (a probe
    under a temporary name is written, renamed and removed), the other folders, the clock, the warehouse, the mail server (no
    letter). It exits with 2, 69, 75 or 1 if something failed, the first of these that fits.

    \b
    closedloop check
    closedloop check --online
    closedloop --project /srv/newsletter check
    """
    from closedloop.rehearse import open_questions

    if log_in and not online:
        raise ProjectError("--log-in belongs to --online")
    project = setting.project()
    questions = open_questions(project)
    click.echo(
        f"closedloop.toml with {_number(len(project.settings.clients), 'client')}, {_number(len(project.jobs), 'job')}, "
        f"{_number(len(project.schemas), 'schema')}: they are sound and fit each other"
    )
    for question in questions:
        click.echo(f"before the first run: {question}")
    return _online(setting, project, log_in=log_in) if online else 0


def _online(setting: Setting, project: "Project", *, log_in: bool) -> int:
    """Print the checklist as it is found out, and return the exit code."""
    from closedloop.online import exit_code, findings

    colours = {"ok": "green", "note": "yellow", "failed": "red"}
    found = []
    for finding in findings(project, setting.now, log_in=log_in):
        found.append(finding)
        verdict = click.style(f"{finding.verdict:<6}", fg=colours[finding.verdict])
        click.echo(f"{verdict}  {finding.what}: {finding.detail}")
    return exit_code(found)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
