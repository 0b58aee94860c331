"""The settings of one installation: what closedloop.toml holds."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from closedloop.model.letter import Language
from closedloop.model.log import LogSettings
from closedloop.model.mail import Mail
from closedloop.model.strict import Strict


def _known_zone(name: str) -> str:
    try:
        # To ask for the one is 30 ms faster than to list all, and every run asks.
        return ZoneInfo(name).key
    except (LookupError, ValueError, OSError):
        raise ValueError(f"'{name}' is no time zone; write it as in 'Europe/Berlin'") from None


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"'{path}' must start with '/': remote paths are absolute")
    return str(PurePosixPath(path))


def _bare_host(host: str) -> str:
    # Only an IPv6 address has colons, at least two; one is a port's.
    if not re.fullmatch(r"[^\s/@:]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", host):
        raise ValueError(f"'{host}' must be the server's name alone, as in 'sftp.example.com'")
    return host


RemotePath = Annotated[str, AfterValidator(_absolute)]


class Paths(Strict):
    """Where this side keeps its state, relative to the project."""

    state: str = Field(
        default="var",
        description="The state folder, relative to the project: ledger, archive, quarantine, outbox, locks.",
    )


class Client(Strict):
    """One client of the platform: one SFTP account or sub-folder (spec/optimizely.md, section 5).

    `key` and `known_hosts` are paths relative to the project. `files` gives this client's own file name
    patterns by schema. A transfer may take five minutes, and longer by its size at `slowest_bytes_per_second`.
    """

    host: Annotated[str, AfterValidator(_bare_host)] = Field(
        description="The SFTP server's name alone, as in sftp.example.com."
    )
    port: int = Field(default=22, gt=0, lt=65536, description="The SFTP server's port.")
    user: str = Field(min_length=1, description="The name to log in with.")
    key: str | None = Field(
        default=None,
        description="The private key to log in with, a path relative to the project. Either this or `password_env`.",
    )
    passphrase_env: str | None = Field(
        default=None,
        description="The environment variable, or systemd credential, that holds the passphrase of an encrypted `key`.",
    )
    password_env: str | None = Field(
        default=None,
        description="The environment variable, or systemd credential, that holds the password. Either this or `key`.",
    )
    host_keys: tuple[str, ...] = Field(
        default=(),
        description='The keys of the server, as "ssh-ed25519 AAAA...". Nothing is sent to a server that is not known; several may be '
        "given, so that a change of key needs no outage. These, `known_hosts`, or both.",
    )
    known_hosts: str | None = Field(
        default=None,
        description="A file of OpenSSH's form with the server's keys, relative to the project.",
    )
    upload: RemotePath = Field(
        default="/incoming", description="The folder on the server that subscriber files go to."
    )
    download: RemotePath = Field(
        default="/outgoing", description="The folder on the server where response files appear."
    )
    errors: RemotePath | None = Field(
        default=None,
        description="The folder where the platform leaves its own error files. While one lies there the platform takes nothing "
        "more of this client, so sends wait (exit 75). Without it nobody looks.",
    )
    logs: RemotePath | None = Field(
        default=None,
        description="The folder where the platform keeps its import log. With it, and with `errors`, a wave is confirmed minutes "
        "after it was imported.",
    )
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Europe/Berlin", description="The zone of the client's times, file names and slots."
    )
    retention_days: int = Field(
        default=14, gt=0, description="How many days the server keeps response files."
    )
    connections: int = Field(
        default=2,
        ge=1,
        le=8,
        description="Over how many connections at a time a large delivery is fetched, each by a process of its own, while what came "
        "is loaded. Where the platform or the machine allows just one: 1.",
    )
    slowest_bytes_per_second: int = Field(
        default=10_000,
        gt=0,
        description="A transfer may take five minutes, and longer by its size at this rate; a slower one is given up, and goes on "
        "in the next run.",
    )
    files: dict[str, str] = Field(
        default_factory=dict, description="This client's own file name patterns, by schema."
    )

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if bool(self.key) == bool(self.password_env):
            raise ValueError("needs either 'key' or 'password_env', to log in")
        if not self.host_keys and not self.known_hosts:
            raise ValueError(
                "needs 'host_keys' or 'known_hosts': the server must be known before anything is sent"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the platform's clock for this client."""
        return ZoneInfo(self.timezone)


class WarehouseSettings(Strict):
    """Where the response data lies, as a URL: duckdb:///path is relative to the project."""

    url: str = Field(
        default="duckdb:///var/warehouse.duckdb",
        description="The DuckDB file: three slashes relative to the project, four absolute.",
    )
    lock_wait_seconds: float = Field(
        default=60, ge=0, description="How long a run waits while somebody else holds the file."
    )


class Suppression(Strict):
    """Who is not mailed: bounce limits (the platform's usual ones) and a blocklist file with `*` patterns."""

    hard_bounces: int = Field(
        default=3,
        gt=0,
        description="So many hard bounces, and an address is not mailed any more.",
    )
    soft_bounces: int = Field(
        default=5,
        gt=0,
        description="So many soft bounces, and an address is not mailed any more.",
    )
    blocklist: str | None = Field(
        default=None,
        description="A file of address patterns, one a line, relative to the project; `*` stands for anything, `#` begins a comment.",
    )


class DashboardSettings(Strict):
    """The page that every pull writes: where, relative to the project (or in the state folder), and in which language."""

    file: str | None = Field(
        default=None,
        min_length=1,
        description="The page's file, relative to the project; without it dashboard.html in the state folder.",
    )
    language: Language | None = Field(
        default=None, description="The page's language; without it the mail's, or English."
    )


def _of_the_exporter(file: str) -> str:
    if not file.endswith(".prom"):
        raise ValueError(f"'{file}' must end in .prom: the node exporter reads no other file")
    return file


class MetricsSettings(Strict):
    """The file for Prometheus's node exporter, relative to the project."""

    file: Annotated[str, AfterValidator(_of_the_exporter)] = Field(
        description="The file, ending in .prom, relative to the project; written anew after each run."
    )


def _web_address(url: str) -> str:
    # It is not repeated: whoever has it can raise the alarm, or keep it quiet.
    if not re.fullmatch(r"https?://[!-~]+", url) or re.search(r"[?#]|@", url):
        raise ValueError(
            "it must be a web address without '?', '#' and '@', as in 'https://hc-ping.com/...'"
        )
    return url


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(Strict):
    """All of closedloop.toml. `health` has the address of a health check by job."""

    paths: Paths = Field(default_factory=Paths, description="Where this side keeps its state.")
    clients: dict[str, Client] = Field(
        min_length=1,
        description="The clients (Mandanten) of the platform, by your name for each: its SFTP account, folders and clock.",
    )
    warehouse: WarehouseSettings = Field(
        default_factory=WarehouseSettings, description="Where the response data lies."
    )
    suppression: Suppression = Field(
        default_factory=Suppression,
        description="Who is never mailed, besides those who unsubscribed.",
    )
    mail: Mail | None = Field(
        default=None, description="Who is told of each run; without it nobody is."
    )
    dashboard: DashboardSettings | None = Field(
        default=None, description="The page that every pull writes; without it none does."
    )
    metrics: MetricsSettings | None = Field(
        default=None, description="Figures of all jobs for Prometheus's node exporter."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="What is said on stderr.")
    health: dict[str, WebAddress] = Field(
        default_factory=dict,
        description="The web address of a health check, by job: told of each run's begin and end.",
    )

    @property
    def page_language(self) -> Language:
        """The language of the page."""
        own = self.dashboard.language if self.dashboard else None
        return own or (self.mail.language if self.mail else "en")


def database_file(url: str) -> PurePosixPath:
    """Return the file that a duckdb URL names: three slashes relative to the project, four absolute."""
    return PurePosixPath(url.removeprefix("duckdb://").removeprefix("/"))
