"""The text of a new closedloop.toml: what was answered, with comments, and samples of the rest."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from closedloop.core.crosscheck import NAME, NAME_RULE
from closedloop.model.mail import Mail, bare
from closedloop.model.settings import Client
from closedloop.toml import complaint

SETTINGS = """\
#:schema .schemas/closedloop.json
# The settings of this installation. It names your server and says where secrets lie, so it is not committed.

[paths]
state = "var"                # ledger, landing, archive, quarantine, outbox, sent, locks

{client}
[warehouse]
url = "duckdb:///var/warehouse.duckdb"    # three slashes: relative to this folder; four: absolute

# Who is never mailed, besides those who unsubscribed: addresses over the bounce limits, and a list of
# your own, one pattern a line, where * stands for anything:
[suppression]
hard_bounces = 3
soft_bounces = 5
# blocklist = "blocklist.txt"

{mail}
{page}
# Further sections: [metrics], [health], [log]. All keys: docs/configuration.md, or an editor that knows TOML.
#
# Next: closedloop check              does everything fit?
#       closedloop check --online     do server, log-in, folders and mail work? Mails nobody.
#       closedloop run JOB --dry-run  what would it do?
#       closedloop schedule cron      the lines that start it (or: schedule systemd)
"""

CLIENT = """\
# One section for each client (Mandant) of the platform.
[clients.{name}]
host           = {host}
port           = {port}
user           = {user}
{log_in}
host_keys      = [{host_keys}]    # as the platform told you: "ssh-ed25519 AAAA..."; or known_hosts = "keys/known_hosts"
upload         = {upload}
download       = {download}
{errors}    # where the platform leaves its own error files; while one is there, sends wait
{logs}    # where it keeps its import log; with it, and with errors, a wave is confirmed minutes after its import
timezone       = {timezone}
retention_days = 14          # days that the server keeps response files
# files        = {{ clicks = "{{date:%Y%m%d}}-klicks.csv" }}    # this client's own file names, by schema
"""

MAIL = """\
# Who is told of each run. All keys: docs/mail.md
[mail]
url      = {url}
from     = {sender}    # a sender that your mail server takes
to       = [{to}]
language = {language}
{log_in}"""

NO_MAIL = """\
# Who is told of each run; without this section nobody is. All keys: docs/mail.md
# [mail]
# url      = "smtp://localhost"
# from     = "closedloop@example.com"
# to       = ["you@example.com"]
# language = {language}
"""

PAGE = """\
# The page that every pull writes: var/dashboard.html, or another file. All keys: docs/dashboard.md
[dashboard]
language = {language}
"""

NO_PAGE = """\
# The page that every pull writes; without this section only 'closedloop dashboard' does. All keys: docs/dashboard.md
# [dashboard]
# language = "en"
"""

USUAL_MAIL_VARIABLE = "CLOSEDLOOP_MAIL_PASSWORD"

NO_HOST_KEY = "ssh-ed25519 AAAA..."
"""Stands where the host key is still to come; `closedloop check` names it."""

READ_AS: dict[str, tuple[type[Client] | type[Mail], str]] = {
    **{field: (Client, field) for field in Client.model_fields},
    "mail_to": (Mail, "to"),
    "smtp": (Mail, "url"),
    "smtp_user": (Mail, "user"),
    "smtp_password_env": (Mail, "password_env"),
    "language": (Mail, "language"),
}
"""The key of a project file that an answer becomes."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a new project is told; the defaults are samples. `password_env` goes before `key`; `smtp_password_env` needs `smtp_user`."""

    client: str = "de"
    host: str = "sftp.example.com"
    port: int = 22
    user: str = "r_example"
    key: str = "keys/id_rsa"
    host_keys: tuple[str, ...] = ()
    password_env: str | None = None
    upload: str = "/incoming"
    download: str = "/outgoing"
    errors: str | None = None
    logs: str | None = None
    timezone: str = "Europe/Berlin"
    mail_to: tuple[str, ...] = ()
    smtp: str = "smtp://localhost"
    smtp_user: str | None = None
    smtp_password_env: str = USUAL_MAIL_VARIABLE
    language: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The environment variables that must hold a password."""
        of_the_mail = self.smtp_password_env if self.mail_to and self.smtp_user else None
        return tuple(name for name in (self.password_env, of_the_mail) if name)


def refused(field: str, value: Any) -> str | None:
    """Say why an answer can't be written down, in the words of a file's mistake; None if it can."""
    if field == "client":
        return None if NAME.fullmatch(value) else f"'{value}' can't be a client: {NAME_RULE}"
    return complaint(*READ_AS[field], value)


def password_variable(client: str) -> str:
    """Return the usual environment variable for a client's password."""
    return f"CLOSEDLOOP_{client.upper().replace('-', '_')}_PASSWORD"


def settings(client: str, answers: Answers) -> str:
    """Return the text of closedloop.toml around the sections of its clients."""
    language = _quoted(answers.language or "en")
    page = PAGE if answers.language else NO_PAGE
    return SETTINGS.format(
        client=client, mail=_mail(answers, language), page=page.format(language=language)
    )


def client_section(answers: Answers) -> str:
    """Return the text of `[clients.NAME]`."""
    texts = ("host", "user", "upload", "download", "timezone")
    return CLIENT.format(
        name=answers.client,
        port=answers.port,
        log_in=_log_in(answers),
        errors=_folder("errors", answers.errors),
        logs=_folder("logs", answers.logs),
        host_keys=_list(answers.host_keys or (NO_HOST_KEY,)),
        **{field: _quoted(getattr(answers, field)) for field in texts},
    )


def _log_in(answers: Answers) -> str:
    if answers.password_env:
        variable = _quoted(answers.password_env)
        return f'password_env   = {variable}     # this variable holds the password; or key = "keys/id_rsa"'
    instead = password_variable(answers.client)
    return f'key            = {_quoted(answers.key)}     # the private key; or password_env = "{instead}"'


def _folder(key: str, folder: str | None) -> str:
    return f"{key:<14} = {_quoted(folder)}" if folder else f'# {key:<12} = "/{key}"'


def _mail(answers: Answers, language: str) -> str:
    if not answers.mail_to:
        return NO_MAIL.format(language=language)
    domain = bare(answers.mail_to[0]).rpartition("@")[2]
    return MAIL.format(
        url=_quoted(answers.smtp),
        sender=_quoted(f"closedloop@{domain}"),
        to=_list(answers.mail_to),
        language=language,
        log_in=_mail_log_in(answers),
    )


def _mail_log_in(answers: Answers) -> str:
    if not answers.smtp_user:
        return '# user   = "closedloop"    # if it wants a log-in; with password_env\n'
    user, variable = _quoted(answers.smtp_user), _quoted(answers.smtp_password_env)
    return f"user     = {user}\npassword_env = {variable}    # this variable holds the password\n"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(map(_quoted, texts))


def _quoted(text: str) -> str:
    """Return a text as TOML has it, whatever signs it holds."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
