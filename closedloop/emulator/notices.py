"""What the platform tells people about an import: log line, status mail, error file."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from closedloop.emulator.config import Account
from closedloop.emulator.places import Places, write
from closedloop.emulator.store import numbers
from closedloop.emulator.subscribers import Failure

WORDS = {
    "sent": "imported, mailing triggered",
    "import_failed": "import failed, nobody was mailed; processing is halted until support clears it",
    "trigger_failed": "imported, but the mailing could not be triggered; processing is halted until"
    " support clears it; do not upload the file again",
    "discarded": "the halted import was discarded, nobody was mailed",
}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one upload: `rows = mailed + sum(dropped)` unless the import failed."""

    client: str
    upload: str
    outcome: str  # sent | import_failed | trigger_failed | discarded
    rows: int = 0
    mailed: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    source_mailing: int | None = None
    wave: int | None = None
    mailing_id: int | None = None
    detail: str = ""

    @property
    def halts(self) -> bool:
        """Nothing more is imported for this client until support clears it."""
        return self.outcome in ("import_failed", "trigger_failed")

    def facts(self) -> dict[str, object]:
        """Return what the log line and the mail say, in order; never an address."""
        counts = {f"dropped_{reason}": count for reason, count in self.dropped.items()}
        facts = {
            "outcome": self.outcome,
            "source_mailing": self.source_mailing,
            "wave": self.wave,
            "mailing": self.mailing_id,
            "rows": self.rows,
            "mailed": self.mailed,
            **counts,
            "detail": self.detail or None,
        }
        return {name: value for name, value in facts.items() if value is not None}


def log(places: Places, account: Account, result: ImportResult, now: datetime) -> None:
    """Add a line to the day's import log: time, upload name, `name=value` for each fact."""
    local = now.astimezone(account.zone)
    path = places.logs(account) / f"{local:%Y%m%d}_import.log"
    facts = ";".join(f"{name}={value}" for name, value in result.facts().items())
    before = path.read_bytes() if path.exists() else b""
    line = f"{local:%Y-%m-%d %H:%M:%S};{result.upload};{facts}\n"
    write(path, before + line.encode(), now)


def mail(places: Places, database: sqlite3.Connection, result: ImportResult, now: datetime) -> None:
    """Leave a status mail where a mail server would have taken it."""
    message = EmailMessage()
    message["From"] = "Campaign platform <noreply@platform.example>"
    message["To"] = "data-ops@customer.example"
    message["Date"] = now
    message["Subject"] = f"[{result.client}] {result.upload}: {result.outcome}"
    facts = "\n".join(f"{name}: {value}" for name, value in result.facts().items())
    message.set_content(f"{result.upload}: {WORDS[result.outcome]}.\n\n{facts}\n")
    number = numbers(database, "mail", 1, 1)
    name = f"{now.astimezone(UTC):%Y%m%d%H%M%S}_{result.client}_{number:04}.eml"
    write(places.mail / name, message.as_bytes(policy=SMTP), now)


def error_file(
    places: Places, account: Account, upload: str, failures: Sequence[Failure], now: datetime
) -> None:
    """Leave `<upload>.error` for the client: a line `line;code;text` for each failure."""
    lines = "".join(f"{each.line};{each.code};{each.text}\n" for each in failures)
    write(places.errors(account) / f"{upload}.error", lines.encode(), now)
