"""A world to die in: an emulated platform that lives on, a project, and copies of both to begin anew from."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errorfiles import ErrorFiles
from closedloop.ledger import Ledger
from closedloop.model.error_file import ErrorFile
from closedloop.model.wave import Wave
from closedloop.state import StateFolder
from tests.sweep.post import PostOffice

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

ROOT = Path(__file__).parents[2]
LIVELY = Reactions(hard=0.1, soft=0.1, opened=0.7, automated=0.3, clicked=0.5, foreign_per_day=0)
EXPORT = Export(broken_lines=2, restated={date(2026, 11, 25): ("opens",)})

SOURCE = 44018617811

Weapon = Literal["edges", "calls"]
"""What is counted: calls at our own edges, or what the process and its libraries ask of the kernel."""


@dataclass(frozen=True, slots=True)
class Blow:
    """Where a process is to die: before, after or midway through which act named so; the default is nowhere."""

    weapon: Weapon = "edges"
    only: str = ""
    at: int = 0
    side: str = "before"


NOWHERE = Blow()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (negative: the signal), what it said, what it did outside."""

    code: int
    said: str
    acts: tuple[str, ...]


class World:
    """A platform and a project in one folder, and the commands that are given there.

    `written` are the rows of response files that were made by hand, `refused` the uploads that the platform refused before a flow
    began; `sources` are the states of the source mailings, which support may change. `idle` names a method at an edge that does nothing, in every process: the program is then broken on purpose.
    """

    def __init__(self, folder: Path, idle: str = "") -> None:
        self._idle = idle
        self._folder = folder
        self._copies = folder / "copies"
        self._now = folder / "now"
        self._calls = _library(folder)
        self.shop = self._now / "shop"
        self._now.mkdir(parents=True)
        self.sources = {SOURCE: "new"}
        config = Config(reactions=LIVELY, export=EXPORT, source_mailings=self.sources)
        self.platform = Platform(self._now / "platform", config)
        self.server = Server(self.platform)
        self.post = PostOffice()
        self.written: dict[str, int] = {}
        self.refused: set[str] = set()
        self._letters: dict[str, list[bytes]] = {}

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.post.__enter__()
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.sweep.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "TZ": "UTC", "LD_PRELOAD": str(self._calls or "")},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._nursery as nursery:
            assert nursery.stdin
            nursery.stdin.close()
        self.post.__exit__(kind, error, trace)
        self.server.__exit__(kind, error, trace)

    @property
    def weapons(self) -> tuple[Weapon, ...]:
        """What there is on this machine: counting calls of the kernel takes a C compiler."""
        return ("edges", "calls") if self._calls else ("edges",)

    @property
    def state(self) -> Path:
        """The project's state folder."""
        return self.shop / "var"

    def keep(self, name: str) -> None:
        """Copy the world as it is."""
        self._letters[name] = [*self.post.letters]
        shutil.copytree(self._now, self._copies / name, symlinks=True)

    def begin(self, name: str) -> None:
        """Make the world what it was when it was kept under this name."""
        self.post.letters[:] = self._letters[name]
        for path in self._now.iterdir():
            shutil.rmtree(path)
        shutil.copytree(self._copies / name, self._now, symlinks=True, dirs_exist_ok=True)

    def do(self, *words: str, at: datetime, blow: Blow = NOWHERE) -> Ended:
        """Give a command in a process of its own, which may have to die, and wait for its end."""
        said, log = self._folder / "said", self._folder / "log"
        order = {
            "words": ["--project", str(self.shop), "--now", at.isoformat(), *words],
            "root": str(self.shop),
            "said": str(said),
            "log": str(log),
            "calls": str(self._calls) if blow.weapon == "calls" else "",
            "idle": self._idle,
            "only": blow.only,
            "at": blow.at,
            "side": blow.side,
        }
        nursery = self._nursery
        assert nursery.stdin
        assert nursery.stdout
        nursery.stdin.write(f"{json.dumps(order)}\n")
        nursery.stdin.flush()
        code = int(nursery.stdout.readline())
        self._settle()
        return Ended(code, said.read_text("utf-8"), tuple(log.read_text("utf-8").split()))

    def move_warehouse_aside(self) -> None:
        """Do as the program says where a death has damaged the warehouse."""
        for path in self.state.glob("warehouse.duckdb*"):
            if path.is_file():
                path.unlink()

    def grow_old(self, by: timedelta) -> None:
        """Let time pass for what is half written: the disk's clock is not the one that commands are given."""
        for path in self.state.glob("*/*.part"):
            then = path.stat().st_mtime - by.total_seconds()
            os.utime(path, (then, then))

    def waves(self) -> list[Wave]:
        """Return what the ledger knows of waves."""
        with Ledger(self.state / "ledger.sqlite") as ledger:
            return ledger.waves()

    def errors(self) -> list[ErrorFile]:
        """Return the open error files."""
        return ErrorFiles(StateFolder(self.state)).open()

    def mailed(self) -> dict[str, list[int | str]]:
        """Return for each address the waves that reached it, by the platform's own record, as often as they did."""
        reached: dict[str, list[int | str]] = {}
        for wave, times in self.platform.record().mailed().items():
            for address, count in times.items():
                reached.setdefault(address, []).extend([wave] * count)
        return reached

    def append(self, name: str, text: str) -> None:
        """Add to a project file, or write a new one."""
        with (self.shop / name).open("a", encoding="utf-8") as stream:
            stream.write(text)

    @contextmanager
    def warehouse(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Look into the warehouse."""
        import duckdb

        with duckdb.connect(self.state / "warehouse.duckdb", config={"threads": 1}) as connection:
            yield connection

    def _settle(self) -> None:
        """Wait until the server has heard all that the process said before it died."""
        while self.server._inside:
            time.sleep(0.001)
        time.sleep(0.002)


def _library(folder: Path) -> Path | None:
    """Build what counts calls of the kernel; None on a machine without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    folder.mkdir(parents=True)
    built = folder / "calls.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(built), str(Path(__file__).with_name("calls.c")), "-ldl"]  # fmt: skip
    subprocess.run(command, check=True)  # noqa: S603 our own command line
    return built
