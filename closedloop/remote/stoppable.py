"""A run that is told to end while it waits for the server: a wrapper around any remote."""

from pathlib import Path

from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress, Remote, quiet
from closedloop.remote.wrapper import Wrapper
from closedloop.stopping import Stopping


class StoppableRemote(Wrapper):
    """Breaks off what may take long, at once: listing and moving files.

    Publishing is not begun any more, but once it is, neither it nor the looks at what became of it are broken off.
    """

    def __init__(self, inner: Remote, stopping: Stopping) -> None:
        super().__init__(inner)
        self._stopping = stopping

    def listing(self, folder: str) -> list[RemoteFile]:
        """List, unless the run is to end."""
        with self._stopping.at_once():
            return self._inner.listing(folder)

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
