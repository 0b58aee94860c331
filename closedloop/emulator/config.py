"""The platform's configuration: what platform.toml holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from zoneinfo import ZoneInfo, available_timezones

from closedloop.emulator.misbehaviour import Misbehaviour
from closedloop.emulator.words import known
from closedloop.errors import ProjectError

KINDS = (
    "mailings",
    "mailingrecipients",
    "links",
    "clicks",
    "opens",
    "automated_opens",
    "unsubscribes",
    "responses",
)
STATES = ("new", "activation_required", "activated")
QUOTING = ("minimal", "all", "none")


@dataclass(frozen=True, slots=True)
class Account:
    """One client of the platform: its SFTP account, its clock and its folders."""

    name: str = "de"
    mailing_group_id: int = 44015200417
    user: str = ""
    timezone: str = "Europe/Berlin"
    retention_days: int = 14
    upload: str = "incoming"
    download: str = "outgoing"
    errors: str = "errors"
    logs: str = "logs"

    @property
    def login(self) -> str:
        """The user name; the client's name unless one is configured."""
        return self.user or self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone of every local time this client sees."""
        return ZoneInfo(self.timezone)

    @property
    def folders(self) -> tuple[str, str, str, str]:
        """The folders of the account."""
        return (self.upload, self.download, self.errors, self.logs)


@dataclass(frozen=True, slots=True)
class Reactions:
    """What share of the recipients does what; the rest only lets the mail lie."""

    hard: float = 0.015
    soft: float = 0.02
    late: float = 0.35  # of the bounces: first reported as delivered
    unsendable: float = 0.001
    opened: float = 0.27
    automated: float = 0.15
    clicked: float = 0.04
    doubled: float = 0.08  # of the clicks: twice within one second
    unsubscribed: float = 0.002
    replied: float = 0.001
    autoresponded: float = 0.006
    foreign_per_day: int = 1  # mailings that the client never triggered
    foreign_recipients: int = 40
    unknown_values: bool = False
    autumn_hour: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """How the eight files of a day look, and how they misbehave."""

    header: bool = True
    quoting: str = "minimal"
    eol: str = "lf"
    bom: bool = False
    extra_columns: tuple[str, ...] = ()
    parts: int = 1
    empty_days: str = "header"
    overlap: int = 0  # days
    broken_lines: int = 0
    missing: Mapping[date, tuple[str, ...]] = field(default_factory=dict)
    late: Mapping[date, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    restated: Mapping[date, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set on the platform; the defaults are a quiet, ordinary one."""

    port: int = 0
    seed: int = 1
    import_minutes: int = 10
    export_at: str = "05:00"
    mails_per_second: int = 100
    keep_uploads: bool = False
    list_columns: tuple[str, ...] = (
        "Email",
        "BROADMAIL_ID",
        "WELLE_ID",
        "Anrede",
        "Vorname",
        "Nachname",
    )
    blocklist: tuple[str, ...] = ("*@blocked.example", "abuse@*", "postmaster@*")
    unsubscribed: tuple[str, ...] = ()
    hard_limit: int = 3
    soft_limit: int = 5
    list_pool: int = 12
    clients: tuple[Account, ...] = (Account(),)
    source_mailings: Mapping[int, str] = field(
        default_factory=lambda: {44018617811: "activation_required"}
    )
    reactions: Reactions = Reactions()
    export: Export = Export()
    misbehave: Misbehaviour = field(default_factory=Misbehaviour)

    def __post_init__(self) -> None:
        _check(self)

    def account(self, name: str) -> Account:
        """Return the client with this name; `ProjectError` names the known ones."""
        for account in self.clients:
            if account.name == name:
                return account
        known = ", ".join(account.name for account in self.clients)
        raise ProjectError(f"the platform has no client '{name}'; it has: {known}")

    @property
    def export_time(self) -> time:
        """The agreed local time of the daily export."""
        return time.fromisoformat(self.export_at)


def _check(config: Config) -> None:
    for number, state in config.source_mailings.items():
        known(state, STATES, f"source_mailings.{number}")
    for name in ("Email", "BROADMAIL_ID", "WELLE_ID"):
        known(name, config.list_columns, "list_columns")
    for account in config.clients:
        if account.timezone not in available_timezones():
            raise ProjectError(f"clients.{account.name}.timezone: '{account.timezone}' is no zone")
    try:
        time.fromisoformat(config.export_at)
    except ValueError as error:
        raise ProjectError("export_at: write it as in '05:00'") from error
    _check_export(config.export, config.list_columns)


def _check_export(export: Export, columns: Iterable[str]) -> None:
    known(export.quoting, QUOTING, "export.quoting")
    known(export.eol, ("lf", "crlf"), "export.eol")
    known(export.empty_days, ("header", "none"), "export.empty_days")
    if export.parts < 1:
        raise ProjectError("export.parts: at least 1 file for each kind")
    for name in export.extra_columns:
        known(name, columns, "export.extra_columns")
    for kind in _named_kinds(export):
        known(kind, KINDS, "export.missing, late or restated")


def _named_kinds(export: Export) -> Iterator[str]:
    for kinds in (*export.missing.values(), *export.restated.values()):
        yield from kinds
    for kinds, _ in export.late.values():
        yield from kinds
