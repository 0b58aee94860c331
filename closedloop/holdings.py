"""What the state folder holds: how many files and bytes of each kind, and for how long."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from closedloop.core.report import number
from closedloop.state import StateFolder, speaking

COUNTED = {"mail": ".eml"}
"""Of some folders only these files count."""

WAITING = {
    "landing": "{files} in landing/ not loaded yet, the oldest for {age}; the pull's next run or `closedloop restart` takes them",
    "outbox": "{files} in outbox/ not published yet, the oldest for {age}; the send's next run looks at the server first",
    "mail": "{letters} not delivered yet, the oldest for {age}; every run tries again, closedloop check --online says what is wrong",
}
"""What passes through, and what to say while it lies there."""

UNITS = ("bytes", "kB", "MB", "GB", "TB")
STEP, TEN = 1000, 10


@dataclass(frozen=True, slots=True)
class Holding:
    """The files of one kind; `oldest` is since when the first of them lies there, in UTC."""

    kind: str
    files: int
    bytes: int
    oldest: datetime


def holdings(state: StateFolder, warehouse: Path) -> list[Holding]:
    """Return what there is, the largest first. Folders are listed, no file is opened.

    The warehouse counts wherever it lies. Raises `StateTrouble` where a folder can't be read.
    """
    kinds: dict[str, _Tally] = {}
    both = (warehouse, warehouse.with_name(f"{warehouse.name}.wal"))
    with speaking(state.root):
        for kind, entry in _entries(str(state.root)):
            tally = kinds.setdefault(kind, _Tally())
            tally.add_all(str(state.root), [entry], COUNTED.get(kind, ""), {*map(str, both)})
        for file in filter(Path.is_file, both):
            kinds.setdefault("warehouse", _Tally()).add(file.stat())
    found = [tally.holding(kind) for kind, tally in kinds.items() if tally.files]
    return sorted(found, key=lambda holding: -holding.bytes)


def in_one_line(held: Sequence[Holding], free: int) -> str:
    """Return how much room what takes."""
    parts = ", ".join(f"{one.kind} {size(one.bytes)}" for one in held)
    whole = size(sum(one.bytes for one in held))
    return f"state: {whole}{f' ({parts})' if parts else ''}; {size(free)} free"


def lingering(held: Iterable[Holding], now: datetime) -> list[str]:
    """Return a sentence for each kind that should have passed through."""
    return [
        WAITING[one.kind].format(
            files=number(one.files, "file"),
            letters=number(one.files, "letter"),
            age=age(now - one.oldest),
        )
        for one in held
        if one.kind in WAITING
    ]


def size(count: float) -> str:
    """Return bytes as a person reads them: three figures at most."""
    step = 0
    while round(count) >= STEP and step < len(UNITS) - 1:
        count, step = count / STEP, step + 1
    shown = f"{count:.1f}" if step and round(count, 1) < TEN else f"{count:.0f}"
    return f"{shown} {UNITS[step]}"


def age(span: timedelta) -> str:
    """Return how long, in the largest unit that fits."""
    minutes = max(0, int(span.total_seconds() // 60))
    for unit, length in (("day", 24 * 60), ("hour", 60)):
        if minutes >= length:
            return number(minutes // length, unit)
    return number(minutes, "minute")


class _Tally:
    """What was counted of one kind; an archive of years has many thousand files, so nothing is kept of each."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self.oldest = math.inf

    def add(self, found: os.stat_result) -> None:
        """Count a file."""
        self.files += 1
        self.bytes += found.st_size
        # Many a file keeps the time that it had on the server; when it came here is when it last changed its name.
        self.oldest = min(self.oldest, found.st_ctime)

    def add_all(
        self, folder: str, entries: "Iterable[os.DirEntry[str]]", ending: str, left_out: Set[str]
    ) -> None:
        """Count the files of a folder whose names end so, those in folders, too. What is removed while we look is no trouble."""
        for one in entries:
            path = f"{folder}/{one.name}"
            if one.is_dir(follow_symlinks=False):
                with suppress(FileNotFoundError), _listed(path) as found:
                    self.add_all(path, found, ending, left_out)
            elif one.name.endswith(ending) and path not in left_out:
                # Not `suppress`: there are many thousands of them.
                try:
                    self.add(one.stat())
                except FileNotFoundError:
                    continue

    def holding(self, kind: str) -> Holding:
        """Return it as it is told."""
        return Holding(kind, self.files, self.bytes, datetime.fromtimestamp(self.oldest, UTC))


def _entries(root: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield what lies in the state folder, each with its kind; not what is only there to be locked."""
    with suppress(FileNotFoundError), os.scandir(root) as found:
        for one in found:
            if one.is_dir(follow_symlinks=False):
                if one.name != "locks":
                    yield one.name, one
            else:
                yield "ledger" if one.name.startswith("ledger.sqlite") else "other", one


@contextmanager
def _listed(folder: str) -> "Iterator[Iterable[os.DirEntry[str]]]":
    """List a folder that is held open: its files are looked at a third sooner than by their whole paths."""
    number = os.open(folder, os.O_RDONLY)
    try:
        with os.scandir(number) as found:
            yield found
    finally:
        os.close(number)
