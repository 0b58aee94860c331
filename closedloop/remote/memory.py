"""A file server in memory: the same contract, without a network. For tests and rehearsals."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Self

from closedloop.errors import AlreadyThere, ClosedLoopError, NotThere
from closedloop.model.file import RemoteFile
from closedloop.remote.base import NotAsListed, Progress, quiet
from closedloop.remote.landing import landing

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MemoryRemote:
    """Holds files as bytes. `folders` exist from the start, others once a file is put there.

    `clock` dates what is staged.
    """

    def __init__(
        self,
        folders: Iterable[str] = ("/incoming", "/outgoing"),
        clock: Callable[[], datetime] = lambda: LONG_AGO,
    ) -> None:
        self._files: dict[str, tuple[bytes, datetime]] = {}
        self._folders = set(folders)
        self._clock = clock

    def put(self, path: str, content: bytes, modified: datetime = LONG_AGO) -> None:
        """Place a file, as the platform would; its folder appears with it."""
        self._folders.add(_folder(path))
        self._files[path] = (content, modified.astimezone(UTC).replace(microsecond=0))

    def read(self, path: str) -> bytes:
        """Return what a file holds; `NotThere` if there is none."""
        return self._stored(path)[0]

    def listing(self, folder: str) -> list[RemoteFile]:
        """Return the files in `folder`, sorted by name."""
        if str(PurePosixPath(folder)) not in self._folders:
            raise NotThere(f"there is no folder {folder}")
        inside = (path for path in self._files if _folder(path) == str(PurePosixPath(folder)))
        return sorted((self._described(path) for path in inside), key=lambda file: file.name)

    def find(self, path: str) -> RemoteFile | None:
        """Return the file at `path`, or None."""
        return self._described(path) if path in self._files else None

    def expect(self, folder: str, files: Sequence[tuple[RemoteFile, Path]]) -> None:
        """Wait until they are fetched: that takes no time here."""

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Bring one listed file to `target` and return its SHA-256 (hex)."""
        path = str(PurePosixPath(folder) / file.name)
        content, _ = self._stored(path)
        with landing(target, path, file) as place:
            if self._described(path) != file:
                raise NotAsListed(path)
            place.write(content[place.done :])
            progress(place.done, file.size)
            return place.land()

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store `source` at `path`, which must be free."""
        if path in self._files:
            raise AlreadyThere(f"{path} exists; nothing was written")
        if _folder(path) not in self._folders:
            raise NotThere(f"there is no folder {_folder(path)}")
        try:
            content = source.read_bytes()
        except OSError as error:
            raise ClosedLoopError(
                f"can't read {source}: {error.strerror}; nothing was sent"
            ) from error
        self.put(path, content, self._clock())
        progress(len(content), len(content))

    def publish(self, staged: str, path: str) -> None:
        """Rename `staged` to `path`, never over an existing file."""
        if path in self._files:
            raise AlreadyThere(f"{path} exists; nothing was overwritten")
        self._stored(staged)
        self._files[path] = self._files.pop(staged)

    def remove(self, path: str) -> None:
        """Remove a file; a missing file is no error."""
        self._files.pop(path, None)

    def close(self) -> None:
        """Keep the files: there is no connection to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _stored(self, path: str) -> tuple[bytes, datetime]:
        if path not in self._files:
            raise NotThere(f"there is no file {path}")
        return self._files[path]

    def _described(self, path: str) -> RemoteFile:
        content, modified = self._stored(path)
        return RemoteFile(PurePosixPath(path).name, len(content), modified)


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)
