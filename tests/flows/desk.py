"""A desk to work at: a project of shipped files, a server in memory, a real warehouse, a real ledger."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from closedloop.core.restart import Choice, act_for
from closedloop.edges import warehouse
from closedloop.errorfiles import ErrorFiles
from closedloop.flows.ports import Ports
from closedloop.flows.replay import Replayed, foresee, replay
from closedloop.flows.restart import restart
from closedloop.flows.runner import Wish, carry_out
from closedloop.forgotten import ForgottenList
from closedloop.ledger import Ledger
from closedloop.model.error_file import ErrorFile
from closedloop.model.filename import Pattern
from closedloop.model.job import PullJob
from closedloop.model.run import RunReport
from closedloop.model.wave import Wave
from closedloop.project import load_project
from closedloop.quarantine import quarantined
from closedloop.remote.base import quiet
from closedloop.remote.memory import MemoryRemote
from closedloop.selection import selected
from closedloop.state import StateFolder
from tests.flows.killing import Fuse, Mortal

EDGES = ("remote", "warehouse", "ledger", "state", "errors")


class Desk:
    """A project in a folder, and what a person at it can do and see."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remote = MemoryRemote()

    def run(
        self,
        job: str,
        at: str,
        *,
        fuse: Fuse | None = None,
        remote: Any = None,
        watch: Any = None,
        **wish: Any,
    ) -> RunReport:
        """Carry out a job at a UTC time, as the command does."""
        project, now = load_project(self.root), moment(at)
        chosen = project.job(job)
        with self._ports() as plain:
            given = self._edges(replace(plain, watch=watch or plain.watch), remote, fuse)
            return carry_out(chosen, project, given, Wish(**wish), lambda: now)

    def pull(self, at: str = "2026-11-20T12:00", **given: Any) -> RunReport:
        """Run the pull job."""
        return self.run("pull_responses", at, **given)

    def send(self, at: str = "2026-11-24T06:00", **given: Any) -> RunReport:
        """Run the send job."""
        return self.run("send_newsletter", at, **given)

    def restart(
        self,
        choice: Choice | None = None,
        at: str = "2026-11-24T06:30",
        *,
        remote: Any = None,
        fuse: Fuse | None = None,
    ) -> list[RunReport | Wave | None]:
        """Restart all open error files, as the command does."""
        project = load_project(self.root)
        with self._ports() as plain:
            given = self._edges(plain, remote, fuse)
            return [
                restart(
                    error,
                    act_for(error, choice),
                    project.job(error.job),
                    project,
                    given,
                    lambda: moment(at),
                )
                for error in given.errors.open()
            ]

    def replay(
        self,
        name: str,
        corrected: Path | None = None,
        *,
        fuse: Fuse | None = None,
        dry: bool = False,
    ) -> Replayed:
        """Load the rejected rows of a file that are right by now."""
        project = load_project(self.root)
        job = project.jobs["pull_responses"]
        assert isinstance(job, PullJob)
        schema = next(s for s in project.incoming(job).values() if Pattern(s.file).match(name))
        chosen = next(found for found in quarantined(self.state) if found.name == name)
        with self._ports() as plain:
            given = self._edges(plain, None, fuse)
            if dry:
                return foresee(chosen, schema, corrected, given)
            return replay(chosen, schema, corrected, given, moment("2026-11-21T09:00"))

    def open_errors(self) -> list[ErrorFile]:
        """Return the open error files."""
        return ErrorFiles(self.state).open()

    def resolved_errors(self) -> list[ErrorFile]:
        """Return the resolved error files."""
        return ErrorFiles(self.state).resolved()

    def open_error(self) -> ErrorFile:
        """Return the only open error file."""
        (error,) = self.open_errors()
        return error

    def ending(self) -> str:
        """Say what ended the only resolved error file."""
        (error,) = self.resolved_errors()
        assert error.resolution
        return error.resolution.by

    def put(self, name: str, content: bytes, modified: str = "2026-11-20T04:00") -> None:
        """Let the platform write a response file."""
        self.remote.put(f"/outgoing/{name}", content, moment(modified))

    def add_errors_folder(self) -> None:
        """Name the folder in which the platform says that it stopped."""
        self.edit("closedloop.toml", "upload ", 'errors = "/errors"\nupload ')

    def halt(self, upload: str = "20261124070000_subscribers.csv") -> None:
        """Let the platform stop at an upload."""
        self.remote.remove(f"/incoming/{upload}")
        self.remote.put(f"/errors/{upload}.error", b"1;QUOTING;", moment("2026-11-24T06:10"))

    def add_test_recipients(self) -> None:
        """Name those who get a test."""
        self._write("testers.csv", "Email;Anrede;Vorname;Nachname\nme@example.com;;;\n")
        self._append('\n[test_recipients]\nfile = "testers.csv"\n')

    def add_products(self) -> None:
        """Let product data go out with each wave."""
        self._write("products.csv", "id;name\n1;Shoes\n2;Hat\n")
        self._write(
            "schemas/products.toml",
            '[table]\nname = "products"\nfile = "{date:%Y%m%d%H%M%S}_products.csv"\nheader = "none"\n'
            '[columns]\nid = { name = "id", type = "int64" }\nname = { name = "name", type = "string" }\n',
        )
        self._append('\n[product_data]\nschema = "products"\nfile = "products.csv"\n')

    def customers(self, *addresses: str, head: str = "Email;Anrede;Vorname;Nachname") -> None:
        """Write the customer database; a text with a separator is a whole row."""
        rows = (text if ";" in text else f"{text};Frau;Anna;Müller" for text in addresses)
        self._write("customers.csv", "".join(f"{row}\n" for row in [head, *rows]))

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a project file as its user does."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        self._write(name, text.replace(old, new))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask the warehouse."""
        with warehouse(load_project(self.root)) as stored:
            return stored.rows(sql)

    def waves(self) -> list[Wave]:
        """Return the waves in the ledger."""
        with Ledger(self.state.ledger) as ledger:
            return ledger.waves()

    def left(self, folder: str) -> list[str]:
        """Return the names of the files below a folder of the state."""
        return sorted(p.name for p in (self.state.root / folder).rglob("*") if p.is_file())

    def quarantine(self) -> list[dict[str, str]]:
        """Return all quarantined rows."""
        rows: list[dict[str, str]] = []
        for path in sorted((self.state.root / "quarantine").rglob("*.csv")):
            with path.open(encoding="utf-8", newline="") as stream:
                rows += csv.DictReader(stream, delimiter=";")
        return rows

    def uploads(self) -> list[str]:
        """Return the names in the upload folder."""
        return [file.name for file in self.remote.listing("/incoming")]

    @property
    def state(self) -> StateFolder:
        """The state folder."""
        return StateFolder(self.root / "var")

    def _write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")

    def _append(self, section: str) -> None:
        """Add a section to the send job."""
        with (self.root / "jobs" / "send_newsletter.toml").open("a", encoding="utf-8") as stream:
            stream.write(section)

    def _edges(self, plain: Ports, remote: Any, fuse: Fuse | None) -> Ports:
        """Return the ports with another remote, and such as a process has that may be killed."""
        given = plain if remote is None else replace(plain, remote=remote)
        if fuse is None:
            return given
        edges: dict[str, Any] = {name: Mortal(getattr(given, name), fuse) for name in EDGES}
        return replace(given, **edges)

    @contextmanager
    def _ports(self) -> Iterator[Ports]:
        project = load_project(self.root)
        with warehouse(project) as stored, Ledger(self.state.ledger) as ledger:
            yield Ports(
                client=project.client("de"),
                client_name="de",
                remote=self.remote,
                warehouse=stored,
                ledger=ledger,
                state=self.state,
                responses=project.responses(),
                blocklist=project.blocklist(),
                rows=partial(selected, root=project.root, warehouse=stored),
                watch=lambda _: quiet,
                errors=ErrorFiles(self.state),
                forgotten=ForgottenList(self.state.root).of("de"),
            )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
