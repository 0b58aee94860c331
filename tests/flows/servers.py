"""Servers in memory that do to an upload what a real one may do."""

from pathlib import Path
from typing import Any

from closedloop.errors import OutcomeUnknown
from closedloop.remote.memory import MemoryRemote


class Importing(MemoryRemote):
    """The platform takes every subscriber file the moment it has its name."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    def publish(self, staged: str, path: str) -> None:
        super().publish(staged, path)
        if path.endswith("_subscribers.csv"):
            self.taken.append(path)
            self.remove(path)


class LosingAnswers(MemoryRemote):
    """The line breaks during a rename: before it is carried out, after it, or after the import took the file."""

    def __init__(self, when: str, times: int = 1) -> None:
        super().__init__()
        self.when = when
        self.times = times
        self.uploads: list[str] = []

    def stage(self, source: Path, path: str, *rest: Any) -> None:
        self.uploads.append(path)
        super().stage(source, path, *rest)

    def publish(self, staged: str, path: str) -> None:
        self.times -= 1
        if self.times < 0:
            super().publish(staged, path)
            return
        if self.when != "before":
            super().publish(staged, path)
        if self.when == "imported":
            self.remove(path)
        raise OutcomeUnknown("the line broke")
