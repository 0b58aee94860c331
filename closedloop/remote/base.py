"""What the program asks of the platform's file server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from closedloop.errors import RemoteError
from closedloop.model.file import RemoteFile

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all), now and then, while a file moves."""


def quiet(done: int, whole: int) -> None:
    """Show nothing."""


class NotAsListed(RemoteError):
    """The file is not, or no longer, the one that was listed: trying again needs a new listing."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is still being written; the next run takes it", transient=True)


class Remote(Protocol):
    """A place that holds files, reached over a network that can fail at any byte.

    Paths are absolute on the remote, with `/`. Every method raises `RemoteError` (with `transient`
    set where trying again can help) or one of the errors it names, and nothing else. The connection is
    made by the first call and made again by the first call after it broke. A log-in that was refused
    is never tried again by itself: accounts get locked. Not for use by several threads.

    Besides, the first call raises `ProjectError` where the settings don't suffice to connect, and any call
    `StateTrouble` where this machine's own disk fails.
    """

    def listing(self, folder: str) -> list[RemoteFile]:
        """Return the plain files in `folder`, sorted by name; no folders, no links to nowhere.

        Raises `NotThere` if the folder is missing.
        """
        ...

    def find(self, path: str) -> RemoteFile | None:
        """Return the file at `path` as it is now, or None if there is none."""
        ...

    def expect(self, folder: str, files: Sequence[tuple[RemoteFile, Path]]) -> None:
        """Hear which listed files are fetched next, in which order and to which target: they may begin to come at once.

        Raises nothing. What becomes of each is told by its `fetch`. A later call says anew what is fetched next.
        """
        ...

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Bring one listed file to `target` and return the SHA-256 (hex) of its bytes.

        `target` appears whole and with the time of the file, by a rename, or not at all, readable by the owner only. Bytes gather in
        `<target>.part`; what an earlier try for the same name, size and time left there is continued, not fetched
        again. Raises `NotThere` if the file is gone, `NotAsListed` (a transient `RemoteError`) if it is not (or no
        longer) the file that was listed: other size or other time.
        """
        ...

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store `source` at `path`, which must be free, and check the stored size.

        Every write is acknowledged. Raises `AlreadyThere`, with nothing written, if `path` exists, and
        `NotThere` if its folder does not. After any other error `path` may hold a part of the file:
        `remove` it before trying again.
        """
        ...

    def publish(self, staged: str, path: str) -> None:
        """Rename `staged` to `path`, never over an existing file. This is the act that mails people.

        Raises `AlreadyThere` if `path` exists, `NotThere` if `staged` does not, `OutcomeUnknown` if the
        connection failed after the request may have left: the caller must look before it acts again.
        Never tried again by itself.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file; a missing file is no error."""
        ...

    def close(self) -> None:
        """End the connection; the remote may be used again and then connects anew."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
