"""A rehearsal: reads are real, acts are only noted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.errors import AlreadyThere
from closedloop.remote.base import Progress, Remote, quiet
from closedloop.remote.wrapper import Wrapper


@dataclass(frozen=True, slots=True)
class Act:
    """What would have been done: `path` is the name that would have appeared or gone."""

    verb: Literal["stage", "publish", "remove"]
    path: str
    source: str = ""


class DryRemote(Wrapper):
    """Changes nothing on the remote; `acts` holds what it was asked to change, in order.

    A name that is taken is refused as in earnest. Nothing it notes is found or listed afterwards.
    """

    def __init__(self, inner: Remote) -> None:
        super().__init__(inner)
        self.acts: list[Act] = []

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Note it."""
        self._refuse_if_taken(path)
        size = source.stat().st_size
        progress(size, size)
        self.acts.append(Act("stage", path, str(source)))

    def publish(self, staged: str, path: str) -> None:
        """Note it."""
        self._refuse_if_taken(path)
        self.acts.append(Act("publish", path, staged))

    def remove(self, path: str) -> None:
        """Note it."""
        self.acts.append(Act("remove", path))

    def _refuse_if_taken(self, path: str) -> None:
        if self._inner.find(path) is not None:
            raise AlreadyThere(f"{path} exists on the server; nothing would be overwritten")
