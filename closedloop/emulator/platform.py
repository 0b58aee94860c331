"""The platform: imports what was uploaded, exports what happened, and keeps the record.

Its state lies in its folder, so that several processes may act on one platform; each act is recorded
whole or not at all.
"""

from datetime import datetime, timedelta
from pathlib import Path

from closedloop.emulator import configfile, store
from closedloop.emulator.config import Config
from closedloop.emulator.export import Delivery
from closedloop.emulator.imports import ImportRun
from closedloop.emulator.notices import ImportResult
from closedloop.emulator.places import Places
from closedloop.emulator.record import Record
from closedloop.emulator.sending import send_foreign


class Platform:
    """One emulated platform in one folder, created there if need be.

    `config` takes the place of platform.toml. Without it, platform.toml is written on the first start and read
    anew by every act, so that an edit works at once. Time is an argument and never goes back.
    """

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        self.places = Places(folder.absolute())
        self.places.root.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._read: tuple[tuple[int, ...], Config] | None = None
        self.places.create(self.config.clients)
        store.create(self.places.database)

    @property
    def config(self) -> Config:
        """The configuration as it is now; `ProjectError` if platform.toml is wrong."""
        if self._config is not None:
            return self._config
        return self._as_saved()

    def tick(self, now: datetime) -> list[ImportResult]:
        """Run one import: take every waiting upload of every client that is not halted."""
        config = self.config
        self.places.create(config.clients)
        results: list[ImportResult] = []
        with store.acting(self.places.database) as database:
            store.set_clock(database, now)
            runs = [
                ImportRun(database, self.places, config, account, now) for account in config.clients
            ]
            for run in runs:
                results += run.results()
            database.execute("commit")
            database.execute("begin")
            for run in runs:
                if not config.keep_uploads:
                    run.tidy()
        return results

    def export(self, now: datetime) -> list[Path]:
        """Write the files of each client's local day, and what is due from earlier days.

        A day is exported once: a second call on the same local day adds nothing new.
        """
        config = self.config
        self.places.create(config.clients)
        written: list[Path] = []
        with store.acting(self.places.database) as database:
            store.set_clock(database, now)
            for account in config.clients:
                send_foreign(database, config, account)
                written += Delivery(database, self.places, config, account, now).paths()
        return written

    def clear(self, client: str) -> None:
        """Let support clear a client's halt: its error files go, the next import run goes on.

        That run triggers a mailing that was imported but not sent, if its source mailing is all right by
        then; otherwise it discards it.
        """
        account = self.config.account(client)
        with store.acting(self.places.database) as database:
            database.execute(
                "update halts set cleared = coalesce((select at from clock), since)"
                " where client = ? and cleared is null",
                (client,),
            )
            for path in sorted(self.places.errors(account).glob("*.error")):
                path.replace(self.places.cleared(account) / path.name)

    def record(self) -> Record:
        """Return the truth: who was mailed how often, and what the client was shown."""
        return Record(self.places.database, self.config)

    def _as_saved(self) -> Config:
        """Return what platform.toml says; it is read again only once it has changed."""
        settings = self.places.settings
        if not settings.exists():
            return configfile.load_or_create(settings)
        status = settings.stat()
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if self._read is None or self._read[0] != version:
            self._read = version, configfile.load(settings)
        return self._read[1]

    def next_export(self, now: datetime) -> datetime:
        """Return the next agreed export time, in the first client's zone."""
        config = self.config
        local = now.astimezone(config.clients[0].zone)
        agreed = local.replace(
            hour=config.export_time.hour, minute=config.export_time.minute, second=0, microsecond=0
        )
        if agreed <= local:
            agreed = (agreed.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=local.tzinfo)
        return agreed.astimezone(now.tzinfo)
