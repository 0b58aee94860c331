"""The commands of the first hour: init, schema, check."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from closedloop.cli import Setting
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from closedloop.newsettings import Answers
    from closedloop.project import Project


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--client", help="Your name for the client (Mandant).  [de, or the emulator's only one]"
)
@click.option("--host", help="The platform's SFTP server.  [sftp.example.com]")
@click.option("--port", type=int, help="Its port.  [22]")
@click.option("--user", help="The name to log in with.  [r_example]")
@click.option("--key", help="Private key, relative to FOLDER.  [keys/id_rsa]")
@click.option("--password-env", help="Instead of --key: the variable that holds the password.")
@click.option(
    "--host-key", "host_keys", multiple=True,
    help="The server's key, 'ssh-ed25519 AAAA...'; may be repeated.",
)  # fmt: skip
@click.option("--upload", help="Folder on the server for subscriber files.  [/incoming]")
@click.option("--download", help="Folder on the server with the response files.  [/outgoing]")
@click.option("--errors", help="Folder where the platform leaves its own error files.")
@click.option("--logs", help="Folder with its import log; with --errors it confirms waves early.")
@click.option("--timezone", help="Of the client at the platform.  [Europe/Berlin]")
@click.option("--mail-to", multiple=True, help="Who hears of each run; may be repeated.")
@click.option("--smtp", help="The mail server.  [smtp://localhost]")
@click.option("--smtp-user", help="The name to log in there with, if it wants one.")
@click.option(
    "--smtp-password-env",
    help="The variable that holds its password.  [CLOSEDLOOP_MAIL_PASSWORD]",
)
@click.option("--language", type=click.Choice(["en", "de"]), help="Of the mails and the page.")
@click.option(
    "--emulator", type=click.Path(file_okay=False, path_type=Path),
    help="Speak to the platform emulator in this folder instead of a server ('closedloop emulate').",
)  # fmt: skip
def init(folder: Path, emulator: Path | None, **given: Any) -> None:
    """Write a new project into FOLDER: closedloop.toml, jobs/ and schemas/.

    On a terminal it asks for what the options leave open, and shows the server's host key for you to compare.

    \b
    closedloop init shop
    closedloop init shop --host sftp.example.com --user r_shop --host-key "ssh-ed25519 AAAA..."
    closedloop init shop --emulator platform        to rehearse on this machine
    """
    from closedloop.newsettings import client_section
    from closedloop.scaffold import emulated, refuse_if_unmakeable, write_project

    refuse_if_unmakeable(folder)
    answers = _answers(given, asked=emulator is None and _on_a_terminal())
    client, section = answers.client, client_section(answers)
    if emulator:
        client, section = emulated(emulator, given["client"])
    written = write_project(
        folder, client, section, rehearsal=emulator is not None, answers=answers
    )
    for name in written:
        click.echo(f"wrote {folder / name}")
    click.echo("\nNext:")
    steps = _next_rehearsal(folder) if emulator else _next_steps(folder, answers)
    for step in steps:
        click.echo(f"  {step}")


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _answers(given: dict[str, Any], *, asked: bool) -> "Answers":
    """Return what the options say, the rest as answered or by default; `ProjectError` for an option that can't be."""
    from closedloop.newsettings import Answers, refused

    known = {field: value for field, value in given.items() if value not in (None, ())}
    if "key" in known and "password_env" in known:
        raise ProjectError("--key and --password-env: one of them is enough to log in")
    if "smtp_password_env" in known and "smtp_user" not in known:
        raise ProjectError("--smtp-password-env: whose password? It needs --smtp-user")
    for field, value in known.items():
        if complaint := refused(field, value):
            raise ProjectError(f"--{field.replace('_', '-')}: {complaint}")
    if not asked:
        return Answers(**known)
    from closedloop.commands.interview import interview

    return interview(known)


def _next_steps(folder: Path, answers: "Answers") -> list[str]:
    call = _call(folder)
    return [
        *_still_to_come(folder, answers),
        *(f"read -rs {variable} && export {variable}" for variable in answers.secrets),
        f"{folder}/jobs/send_newsletter.toml: your source_mailing and selection",
        f"{call} check",
        f"{call} check --online",
        f"{call} run send_newsletter --dry-run",
    ]


def _call(folder: Path) -> str:
    """Return how a command for the new project begins, as a shell takes it."""
    return shlex.join(["closedloop", "--project", str(folder)])


def _still_to_come(folder: Path, answers: "Answers") -> list[str]:
    """Return what closedloop.toml needs before anybody can log in."""
    where = f"{folder}/closedloop.toml"
    if answers.host == type(answers)().host:
        return [f"{where}: the server, its key, your key"]
    steps = []
    if not answers.host_keys:
        server = f"-p {answers.port} {answers.host}"
        steps = [
            f"{where}: host_keys, which you get from the platform's support; or by ssh-keyscan {server}, once they",
            f"  confirmed its fingerprint: ssh-keyscan {server} | ssh-keygen -lf -",
        ]
    if not answers.password_env and not (folder / answers.key).is_file():
        steps.append(
            f"{folder / answers.key}: put your private key there, chmod 600; the platform has its public half"
        )
    return steps


def _next_rehearsal(folder: Path) -> list[str]:
    call = _call(folder)
    return [
        f"{call} check",
        f"{call} run send_newsletter --dry-run",
        f"{call} run send_newsletter",
    ]


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--json", "printed", is_flag=True, help="Print them, by kind of file, instead of writing files."
)
@click.pass_obj
def schema(setting: Setting, folder: Path | None, *, printed: bool) -> None:
    """Write the JSON Schemas of closedloop.toml, jobs and schemas, by which an editor completes, explains and checks them.

    They go into FOLDER, by default .schemas in the project, where 'init' put the first ones: write them anew after an upgrade. The line
    '#:schema' at the top of a file tells editors with Taplo (VS Code: Even Better TOML) which one is its own.

    \b
    closedloop schema
    closedloop schema --json
    closedloop schema /srv/www/closedloop
    """
    from closedloop.editors import FOLDER, as_text, json_schemas, write_json_schemas

    if printed and folder is None:
        click.echo(as_text(json_schemas()), nl=False)
        return
    if folder is None and not (setting.root / "closedloop.toml").is_file():
        raise ProjectError(
            f"there is no closedloop.toml in {setting.root}; name a FOLDER, or the project: closedloop --project DIR schema"
        )
    for path in write_json_schemas(folder or setting.root / FOLDER):
        click.echo(f"wrote {path}")


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
