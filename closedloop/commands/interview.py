"""What `init` asks on a terminal. Nothing is written before the last answer."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from closedloop.errors import RemoteError
from closedloop.newsettings import Answers, password_variable, refused

Given = dict[str, Any]

SAMPLES = Answers()

TELLS_NOTHING = ("UTC", "Etc/UTC", "UCT", "Zulu", "localtime", "Factory")
"""Zones of servers, not of companies."""


def interview(given: Mapping[str, Any]) -> Answers:
    """Ask what `given` does not say and return all of it."""
    known = dict(given)
    click.echo("Enter takes what stands in brackets; Ctrl-C stops, and nothing is written.")
    _ask_for_the_server(known)
    _ask_for_the_log_in(known)
    _ask_for_the_clients_ways(known)
    _ask_for_the_reports(known)
    click.echo()
    return Answers(**{field: value for field, value in known.items() if value})


def _ask_for_the_server(known: Given) -> None:
    _ask(known, "client", "Client", "Your name for the client (Mandant), as in de or shop-at.")
    _ask(known, "host", "Host", "The platform's SFTP server.")
    _ask(known, "port", "Port", "Its port.")
    if "host_keys" not in known and known["host"] != SAMPLES.host:
        known["host_keys"] = _compared(known["host"], known["port"])


def _ask_for_the_log_in(known: Given) -> None:
    _ask(
        known, "user", "User", "The name to log in with, as the platform's support gave it to you."
    )
    if "key" in known or "password_env" in known:
        return
    _explain("A private key in a file, or a password in an environment variable.")
    choice = click.Choice(["key", "password"])
    if click.prompt("Log in with", default="key", type=choice) == "key":
        _ask(
            known,
            "key",
            "Key",
            "The file of the private key, relative to the project; it may come later.",
        )
        return
    usual = password_variable(known["client"])
    _ask(
        known,
        "password_env",
        "Variable",
        "The name of the environment variable, not the password.",
        usual,
    )


def _ask_for_the_clients_ways(known: Given) -> None:
    _ask(known, "upload", "Upload folder", "Where on the server the subscriber files go.")
    _ask(known, "download", "Download folder", "Where on the server the response files appear.")
    _ask(
        known,
        "errors",
        "Error folder",
        "Where the platform leaves its own error files; Enter: nobody looks.",
        "",
    )
    if known["errors"]:
        _ask(
            known,
            "logs",
            "Log folder",
            "Where it keeps its import log, which confirms a wave within minutes; Enter: the response files do, a day later.",
            "",
        )
    zone = _machine_zone() or SAMPLES.timezone
    _ask(
        known,
        "timezone",
        "Time zone",
        "Of the client's times and file names at the platform.",
        zone,
    )


def _ask_for_the_reports(known: Given) -> None:
    _ask(
        known,
        "mail_to",
        "Mail reports to",
        "Addresses that hear of each run, with commas between; Enter: nobody.",
        "",
    )
    if known["mail_to"]:
        _ask(
            known,
            "smtp",
            "Mail server",
            "smtp://host:port, or smtps://host for TLS from the start.",
        )
        _ask_for_the_mail_log_in(known)
    _ask(known, "language", "Language", "Of the mails and the page: en, or de.", "en")


def _ask_for_the_mail_log_in(known: Given) -> None:
    _ask(known, "smtp_user", "Mail user", "The name to log in there with; Enter: no log-in.", "")
    if known["smtp_user"]:
        _ask(
            known,
            "smtp_password_env",
            "Mail variable",
            "The name of the environment variable that holds its password.",
        )


def _ask(known: Given, field: str, title: str, explained: str, default: str | None = None) -> None:
    """Ask for one answer, unless it is known, until it can be written down."""
    if field in known:
        return
    usual = str(getattr(SAMPLES, field)) if default is None else default
    _explain(explained)
    known[field] = click.prompt(
        title, default=usual, show_default=bool(usual), value_proc=_checked(field, usual)
    )


def _explain(sentence: str) -> None:
    click.secho(f"\n{sentence}", dim=True)


def _checked(field: str, usual: str) -> Callable[[str], Any]:
    def check(text: str) -> Any:
        value = _as_value(field, text.strip() or usual)
        if value and (complaint := refused(field, value)):
            raise click.UsageError(complaint)
        return value

    return check


def _as_value(field: str, text: str) -> Any:
    if field == "port" and text.isdecimal():
        return int(text)
    if field == "mail_to":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _compared(host: str, port: int) -> tuple[str, ...]:
    """Fetch the server's host keys and return those that a person found to be the right ones."""
    from closedloop.remote.hostkeys import host_keys

    click.echo(f"\nFetching the host keys of {host}:{port}; nobody logs in.")
    try:
        shown = host_keys(host, port)
    except RemoteError as error:
        click.secho(f"{error}\nIt can be added later; the last lines will say how.", fg="yellow")
        return ()
    _explain(
        "Compare each with what the platform's support told you, or ask them now. A key that you can't compare may be anybody's: No."
    )
    return tuple(
        key.line
        for key in shown
        if click.confirm(f"{key.kind} {key.fingerprint}\nIs this their key?", default=False)
    )


def _machine_zone() -> str | None:
    """Return this machine's time zone; None where it has none that tells something."""
    target = str(Path("/etc/localtime").resolve())
    names = (os.environ.get("TZ", "").lstrip(":"), target.partition("zoneinfo/")[2])
    return next((name for name in names if name and _is_a_place(name)), None)


def _is_a_place(name: str) -> bool:
    try:
        return ZoneInfo(name).key not in TELLS_NOTHING
    except (LookupError, ValueError, OSError):
        return False
