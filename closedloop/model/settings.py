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

    state: str = "var"


class Client(Strict):
    """One client of the platform: one SFTP account or sub-folder (spec/optimizely.md, section 5).

    `key` and `known_hosts` are paths relative to the project. `files` gives this client's own file name
    patterns by schema. A transfer may take five minutes, and longer by its size at `slowest_bytes_per_second`.
    """

    host: Annotated[str, AfterValidator(_bare_host)]
    port: int = Field(default=22, gt=0, lt=65536)
    user: str = Field(min_length=1)
    key: str | None = None
    passphrase_env: str | None = None
    password_env: str | None = None
    host_keys: tuple[str, ...] = ()
    known_hosts: str | None = None
    upload: RemotePath = "/incoming"
    download: RemotePath = "/outgoing"
    errors: RemotePath | None = None
    logs: RemotePath | None = None
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Berlin"
    retention_days: int = Field(default=14, gt=0)
    slowest_bytes_per_second: int = Field(default=10_000, gt=0)
    files: dict[str, str] = Field(default_factory=dict)

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

    url: str = "duckdb:///var/warehouse.duckdb"
    lock_wait_seconds: float = Field(default=60, ge=0)


class Suppression(Strict):
    """Who is not mailed: bounce limits (the platform's usual ones) and a blocklist file with `*` patterns."""

    hard_bounces: int = Field(default=3, gt=0)
    soft_bounces: int = Field(default=5, gt=0)
    blocklist: str | None = None


class DashboardSettings(Strict):
    """The page that every pull writes: where, relative to the project (or in the state folder), and in which language."""

    file: str | None = Field(default=None, min_length=1)
    language: Language | None = None


def _of_the_exporter(file: str) -> str:
    if not file.endswith(".prom"):
        raise ValueError(f"'{file}' must end in .prom: the node exporter reads no other file")
    return file


class MetricsSettings(Strict):
    """The file for Prometheus's node exporter, relative to the project."""

    file: Annotated[str, AfterValidator(_of_the_exporter)]


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

    paths: Paths = Paths()
    clients: dict[str, Client] = Field(min_length=1)
    warehouse: WarehouseSettings = WarehouseSettings()
    suppression: Suppression = Suppression()
    mail: Mail | None = None
    dashboard: DashboardSettings | None = None
    metrics: MetricsSettings | None = None
    log: LogSettings = LogSettings()
    health: dict[str, WebAddress] = Field(default_factory=dict)

    @property
    def page_language(self) -> Language:
        """The language of the page."""
        own = self.dashboard.language if self.dashboard else None
        return own or (self.mail.language if self.mail else "en")


def database_file(url: str) -> PurePosixPath:
    """Return the file that a duckdb URL names: three slashes relative to the project, four absolute."""
    return PurePosixPath(url.removeprefix("duckdb://").removeprefix("/"))
