"""A wrapper: what passes every call on to the remote inside; each kind overrides what it is for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress, Remote, quiet


class Wrapper:
    """A `Remote` around another."""

    def __init__(self, inner: Remote) -> None:
        self._inner = inner

    def listing(self, folder: str) -> list[RemoteFile]:
        """List."""
        return self._inner.listing(folder)

    def find(self, path: str) -> RemoteFile | None:
        """Look."""
        return self._inner.find(path)

    def expect(self, folder: str, files: Sequence[tuple[RemoteFile, Path]]) -> None:
        """Hear what is fetched next."""
        self._inner.expect(folder, files)

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Fetch."""
        return self._inner.fetch(folder, file, target, progress)

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store."""
        self._inner.stage(source, path, progress)

    def publish(self, staged: str, path: str) -> None:
        """Rename."""
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
