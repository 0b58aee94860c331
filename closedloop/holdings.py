"""What the state folder holds: how many files and bytes of each kind, and for how long."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
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
    kinds: dict[str, list[os.stat_result]] = {}
    both = (warehouse, warehouse.with_name(f"{warehouse.name}.wal"))
    lead = len(f"{state.root}/")
    with speaking(state.root):
        for path, found in _files(str(state.root)):
            if path not in map(str, both):
                kinds.setdefault(_kind(path[lead:].split("/")), []).append(found)
        for file in filter(Path.is_file, both):
            kinds.setdefault("warehouse", []).append(file.stat())
    found_kinds = [_holding(kind, found) for kind, found in kinds.items() if kind]
    return sorted(found_kinds, key=lambda holding: -holding.bytes)


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


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    # What is removed while we look is no trouble. Plain text, for an archive of years has many thousand files.
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for one in found:
            if one.is_dir(follow_symlinks=False):
                yield from _files(one.path)
                continue
            with suppress(FileNotFoundError):
                yield one.path, one.stat()


def _kind(parts: Sequence[str]) -> str:
    """Return what kind of file this is; nothing for those that are only there to be locked."""
    kind, name = parts[0], parts[-1]
    if len(parts) == 1:
        return "ledger" if kind.startswith("ledger.sqlite") else "other"
    return kind if kind != "locks" and name.endswith(COUNTED.get(kind, "")) else ""


def _holding(kind: str, found: Sequence[os.stat_result]) -> Holding:
    # Many a file keeps the time that it had on the server; when it came here is when it last changed its name.
    oldest = min(one.st_ctime for one in found)
    whole = sum(one.st_size for one in found)
    return Holding(kind, len(found), whole, datetime.fromtimestamp(oldest, UTC))
