"""A rehearsal: reads are real, acts are only noted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from closedloop.errors import AlreadyThere
from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress, Remote, quiet


@dataclass(frozen=True, slots=True)
class Act:
    """What would have been done: `path` is the name that would have appeared or gone."""

    verb: Literal["stage", "publish", "remove"]
    path: str
    source: str = ""


class DryRemote:
    """Changes nothing on the remote; `acts` holds what it was asked to change, in order.

    A name that is taken is refused as in earnest. Nothing it notes is found or listed afterwards.
    """

    def __init__(self, inner: Remote) -> None:
        self._inner = inner
        self.acts: list[Act] = []

    def listing(self, folder: str) -> list[RemoteFile]:
        """List in earnest."""
        return self._inner.listing(folder)

    def find(self, path: str) -> RemoteFile | None:
        """Look in earnest."""
        return self._inner.find(path)

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Fetch in earnest: that changes nothing there."""
        return self._inner.fetch(folder, file, target, progress)

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

    def close(self) -> None:
        """End the connection."""
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _refuse_if_taken(self, path: str) -> None:
        if self._inner.find(path) is not None:
            raise AlreadyThere(f"{path} exists on the server; nothing would be overwritten")
