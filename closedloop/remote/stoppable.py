"""A run that is told to end while it waits for the server: a wrapper around any remote."""

from pathlib import Path
from typing import Self

from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress, Remote, quiet
from closedloop.stopping import Stopping


class StoppableRemote:
    """Breaks off what may take long, at once: listing and moving files.

    Publishing is not begun any more, but once it is, neither it nor the looks at what became of it are broken off.
    """

    def __init__(self, inner: Remote, stopping: Stopping) -> None:
        self._inner = inner
        self._stopping = stopping

    def listing(self, folder: str) -> list[RemoteFile]:
        """List, unless the run is to end."""
        with self._stopping.at_once():
            return self._inner.listing(folder)

    def find(self, path: str) -> RemoteFile | None:
        """Look."""
        return self._inner.find(path)

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Fetch, until the run is to end; what came is kept."""
        with self._stopping.at_once():
            return self._inner.fetch(folder, file, target, progress)

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store, until the run is to end; a part may stay at `path`."""
        with self._stopping.at_once():
            self._inner.stage(source, path, progress)

    def publish(self, staged: str, path: str) -> None:
        """Rename, unless the run is to end."""
        self._stopping.check()
        self._inner.publish(staged, path)

    def remove(self, path: str) -> None:
        """Remove."""
        self._inner.remove(path)

    def close(self) -> None:
        """End the connection."""
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
