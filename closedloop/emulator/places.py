"""The folders of the platform: where each file of each client lies."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from closedloop.emulator.config import Account


@dataclass(frozen=True, slots=True)
class Places:
    """All paths below the platform's folder."""

    root: Path

    @property
    def settings(self) -> Path:
        """The configuration."""
        return self.root / "platform.toml"

    @property
    def database(self) -> Path:
        """The record of truth."""
        return self.root / "platform.sqlite"

    @property
    def keys(self) -> Path:
        """Host keys and the clients' keys."""
        return self.root / "keys"

    @property
    def mail(self) -> Path:
        """What the platform mails to the client's staff."""
        return self.root / "mail"

    @property
    def client_settings(self) -> Path:
        """The sections to paste into closedloop.toml."""
        return self.root / "client.toml"

    def account(self, account: Account) -> Path:
        """What the client sees as `/`."""
        return self.root / "sftp" / account.name

    def upload(self, account: Account) -> Path:
        """Where the client drops subscriber files."""
        return self.account(account) / account.upload

    def download(self, account: Account) -> Path:
        """Where the response files lie."""
        return self.account(account) / account.download

    def errors(self, account: Account) -> Path:
        """Where the platform leaves its error files."""
        return self.account(account) / account.errors

    def logs(self, account: Account) -> Path:
        """Where the platform keeps its import log."""
        return self.account(account) / account.logs

    def processed(self, account: Account) -> Path:
        """Where uploads go once they were looked at, out of the client's sight."""
        return self.root / "processed" / account.name

    def taken(self, account: Account) -> Path:
        """Where uploads wait for the import run when they are taken in at once."""
        return self.root / "taken" / account.name

    def cleared(self, account: Account) -> Path:
        """Where error files go once support has cleared them."""
        return self.root / "cleared" / account.name

    def create(self, accounts: tuple[Account, ...]) -> None:
        """Make every folder that is missing."""
        self.mail.mkdir(parents=True, exist_ok=True)
        for account in accounts:
            for folder in account.folders:
                (self.account(account) / folder).mkdir(parents=True, exist_ok=True)
            self.processed(account).mkdir(parents=True, exist_ok=True)
            self.cleared(account).mkdir(parents=True, exist_ok=True)
            self.taken(account).mkdir(parents=True, exist_ok=True)


def write(path: Path, content: bytes, now: datetime) -> None:
    """Write a file under a temporary name, dated with the platform's time, then rename it."""
    growing = path.with_name(f"{path.name}.tmp")
    growing.write_bytes(content)
    os.utime(growing, (now.timestamp(), now.timestamp()))
    growing.replace(path)
