"""One import run: each waiting upload of each client becomes a mailing, or an error file."""

import json
import re
import shutil
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from closedloop.emulator import notices, subscribers
from closedloop.emulator.config import Account, Config
from closedloop.emulator.intake import take_in
from closedloop.emulator.notices import ImportResult
from closedloop.emulator.places import Places
from closedloop.emulator.sending import Letter, send
from closedloop.emulator.store import seconds
from closedloop.emulator.subscribers import Failure, Upload

UPLOAD_NAME = re.compile(r"[0-9]{14}_subscribers\.csv")


@dataclass(frozen=True, slots=True)
class ImportRun:
    """The uploads of one client, looked at once."""

    database: sqlite3.Connection
    places: Places
    config: Config
    account: Account
    now: datetime

    def results(self) -> list[ImportResult]:
        """Take every waiting upload, oldest name first, until one fails."""
        if self._halted():
            return []
        results = self._cleared()
        for path in self._uploads():
            if UPLOAD_NAME.fullmatch(path.name) and not self._left_over(path):
                results.append(self._imported(path))
            if results and results[-1].halts:
                break
        return results

    def tidy(self) -> None:
        """Take what was imported out of the upload folder; call it once the run is recorded."""
        for path in self._uploads():
            if self._left_over(path):
                path.unlink()

    def _uploads(self) -> list[Path]:
        """Return what was uploaded, oldest name first, whether it waits in the folder or was taken out of it."""
        folders = (self.places.upload(self.account), self.places.taken(self.account))
        paths = [path for folder in folders for path in folder.iterdir() if path.is_file()]
        return sorted(paths, key=lambda path: path.name)

    def _halted(self) -> bool:
        found = self.database.execute(
            "select 1 from halts where client = ? and cleared is null", (self.account.name,)
        )
        return found.fetchone() is not None

    def _left_over(self, path: Path) -> bool:
        """The very file that was imported already: it was left where it was."""
        status = path.stat()
        found = self.database.execute(
            "select 1 from imports where client = ? and upload = ? and size = ? and mtime_ns = ?",
            (self.account.name, path.name, status.st_size, status.st_mtime_ns),
        )
        return found.fetchone() is not None

    def _imported(self, path: Path) -> ImportResult:
        status = path.stat()
        used = self.database.execute(
            "select 1 from imports where client = ? and upload = ?", (self.account.name, path.name)
        ).fetchone()
        if used:
            name_taken = [Failure(0, "NAME", "this name was used before; names must be unique")]
            result, failures = self._failed(path.name, name_taken), name_taken
        else:
            result, failures = self._read(path.name, path.read_bytes())
        self._record(result, status.st_size, status.st_mtime_ns)
        self._tell(result, failures)
        kept = f"{path.name}.again" if used else path.name
        shutil.copy2(path, self.places.processed(self.account) / kept)
        return result

    def _read(self, name: str, content: bytes) -> tuple[ImportResult, list[Failure]]:
        upload = subscribers.read(content, self.config.list_columns)
        if isinstance(upload, Upload):
            return self._triggered(name, upload)
        return self._failed(name, upload), upload

    def _failed(self, name: str, failures: list[Failure]) -> ImportResult:
        detail = (
            f"{len(failures)} failures, the first in line {failures[0].line}: {failures[0].text}"
        )
        return ImportResult(self.account.name, name, "import_failed", detail=detail)

    def _triggered(self, name: str, upload: Upload) -> tuple[ImportResult, list[Failure]]:
        intake = take_in(self.database, self.config, self.account, upload.subscribers)
        result = ImportResult(
            client=self.account.name,
            upload=name,
            outcome="sent",
            rows=len(upload.subscribers),
            mailed=len(intake.mailed),
            dropped=intake.dropped,
            source_mailing=upload.source_mailing,
            wave=upload.wave,
        )
        reason = self._refusal(upload.source_mailing)
        if reason:
            failed = replace(result, outcome="trigger_failed", mailed=0, detail=reason)
            return failed, [Failure(0, "TRIGGER", reason)]
        letter = Letter(
            "wave",
            [row.address.strip() for row in intake.mailed],
            [self._extras(row.values) for row in intake.mailed],
            name,
            upload.wave,
            upload.source_mailing,
        )
        number = send(self.database, self.config, self.account, letter, seconds(self.now))
        return replace(result, mailing_id=number), []

    def _refusal(self, source_mailing: int) -> str | None:
        state = self.config.source_mailings.get(source_mailing)
        if state is None:
            return f"no mailing has the number {source_mailing}"
        if state == "activated":
            return f"mailing {source_mailing} is activated already and can't be copied"
        return None

    def _extras(self, values: dict[str, str | None]) -> dict[str, str | None]:
        return {column: values[column] for column in self.config.export.extra_columns}

    def _record(self, result: ImportResult, size: int, mtime_ns: int) -> None:
        self.database.execute(
            "insert into imports (client, upload, at, size, mtime_ns, outcome, rows, mailed, dropped,"
            " source_mailing, wave, mailing_id, detail) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(result.client, result.upload, seconds(self.now), size, mtime_ns, result.outcome),
                *(result.rows, result.mailed, json.dumps(result.dropped), result.source_mailing),
                *(result.wave, result.mailing_id, result.detail),
            ),
        )

    def _tell(self, result: ImportResult, failures: list[Failure]) -> None:
        notices.log(self.places, self.account, result, self.now)
        notices.mail(self.places, self.database, result, self.now)
        if result.halts:
            notices.error_file(self.places, self.account, result.upload, failures, self.now)
            self.database.execute(
                "insert into halts values (?, ?, ?, ?, null)",
                (self.account.name, result.upload, seconds(self.now), result.outcome),
            )

    def _cleared(self) -> list[ImportResult]:
        """Let support trigger what was imported but not sent; what still can't be sent is dropped."""
        waiting = self.database.execute(
            "select seq, upload from imports where client = ? and outcome = 'trigger_failed'",
            (self.account.name,),
        ).fetchall()
        return [self._resumed(row["seq"], row["upload"]) for row in waiting]

    def _resumed(self, seq: int, name: str) -> ImportResult:
        content = (self.places.processed(self.account) / name).read_bytes()
        result, _ = self._read(name, content)
        if result.halts:
            result = replace(result, outcome="discarded", mailed=0)
        self.database.execute(
            "update imports set outcome = ?, mailed = ?, dropped = ?, mailing_id = ?, detail = ?"
            " where seq = ?",
            (
                *(result.outcome, result.mailed, json.dumps(result.dropped), result.mailing_id),
                *(result.detail, seq),
            ),
        )
        self._tell(result, [])
        return result
