"""A landing: the bytes of one remote file gathering beside their target, until they are whole."""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from closedloop.errors import NotThere, RemoteError, StateTrouble
from closedloop.model.file import RemoteFile
from closedloop.remote.aside import Aside
from closedloop.remote.base import NotAsListed

CHECKPOINT_BYTES = 64 * 1024 * 1024
HASHED_AT_ONCE = 1024 * 1024
HANDED_OVER_BYTES = 1024 * 1024
MOST_BEHIND = 4


class Landing:
    """The part of a file that is here, and its hash so far.

    `<target>.part` holds the bytes, `<target>.part.json` which file they are of and how many of them are
    known to be on the disk: after a power cut the rest of the part may be anything.

    A thread writes and hashes while the next bytes are fetched: `done` counts what was handed to it. Another waits for the
    disk, so that neither does.
    """

    def __init__(self, target: Path, path: str, file: RemoteFile) -> None:
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self._draft = target.with_name(f"{target.name}.part.json.new")
        self._origin = {"path": path, "size": file.size, "modified": file.modified.isoformat()}
        self._modified = file.modified.timestamp()
        self._hash = hashlib.sha256()
        self.done = 0
        self._written = 0
        self._safe = 0
        self._file = self._open()
        self._writer = Aside()
        self._heap: list[memoryview | bytes] = []
        self._heaped = 0
        self._handed = self.done
        self._keeper = Aside()

    def write(self, data: memoryview | bytes) -> None:
        """Add the next bytes; an error may be of some before them."""
        self.done += len(data)
        self._heap.append(data)
        self._heaped += len(data)
        if self._heaped >= HANDED_OVER_BYTES:
            self._hand_over()
            self._writer.wait(MOST_BEHIND)

    def keep(self) -> None:
        """Put what is here on the disk, for a later try to go on from."""
        self._catch_up()
        self._checkpoint(self._written)

    def land(self) -> str:
        """Give the whole file its name and return its SHA-256 (hex)."""
        self._catch_up()
        if self._written != self.done:
            raise OSError(errno.EIO, f"{self._written:,} of {self.done:,} bytes were written")
        os.utime(self._file.fileno(), (self._modified, self._modified))
        os.fsync(self._file.fileno())
        self._part.replace(self._target)
        self._note.unlink(missing_ok=True)
        # Of a try that found no room for it.
        self._draft.unlink(missing_ok=True)
        folder = os.open(self._target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Forget what is here: it is of no use to a later try."""
        self._rest()
        for path in (self._draft, self._note, self._part):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the part."""
        self._rest()
        self._file.close()

    def _rest(self) -> None:
        self._writer.close()
        self._keeper.close()

    def _hand_over(self) -> None:
        """Let the writer have the heap; a signal may end us at any point of this, and the heap is then handed over once or never."""
        heap, at = self._heap, self._handed
        self._heap, self._heaped = [], 0
        self._handed += sum(map(len, heap))
        self._writer.do(partial(self._add, heap, at))

    def _add(self, heap: list[memoryview | bytes], at: int) -> None:
        if at != self._written:
            # Nothing is written behind a gap.
            return
        data = b"".join(heap)
        self._file.write(data)
        self._hash.update(data)
        self._written += len(data)
        if self._written - self._safe >= CHECKPOINT_BYTES and self._keeper.is_idle():
            self._keeper.wait()
            self._file.flush()
            self._keeper.do(partial(self._checkpoint, self._written))

    def _catch_up(self) -> None:
        self._hand_over()
        self._writer.wait()
        self._keeper.wait()
        self._file.flush()

    def _checkpoint(self, written: int) -> None:
        os.fsync(self._file.fileno())
        text = json.dumps({**self._origin, "safe": written})
        self._draft.write_text(text, encoding="utf-8")
        self._draft.replace(self._note)
        self._safe = written

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+b")
        try:
            self._lock(descriptor)
            os.fchmod(descriptor, 0o600)
            self._continue(file)
        except BaseException:
            file.close()
            raise
        return file

    def _lock(self, descriptor: int) -> None:
        """Keep others off: the process that fetched for a run that was killed may live for a moment more."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_alone = os.path.samestat(os.fstat(descriptor), self._part.stat())
        except (BlockingIOError, FileNotFoundError):
            is_alone = False
        if not is_alone:
            raise RemoteError(
                f"{self._target.name} is being fetched by another process; if that goes on, see which one holds {self._part}",
                transient=True,
            )

    def _continue(self, file: BinaryIO) -> None:
        file.truncate(self._kept(file))
        while block := file.read(HASHED_AT_ONCE):
            self._hash.update(block)
            self.done += len(block)
        self._safe = self._written = self.done

    def _kept(self, file: BinaryIO) -> int:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            safe = int(note.pop("safe"))
        except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
            return 0
        is_ours = note == self._origin and 0 <= safe <= os.fstat(file.fileno()).st_size
        return safe if is_ours else 0


@contextmanager
def landing(target: Path, path: str, file: RemoteFile) -> Iterator[Landing]:
    """Open the landing of a listed file; on an error what came is kept, unless the file is gone or another by now.

    A fault of the local disk is `StateTrouble`.
    """
    try:
        place = Landing(target, path, file)
        try:
            yield place
        except (NotAsListed, NotThere):
            place.discard()
            raise
        except BaseException:
            place.keep()
            raise
        finally:
            place.close()
    except OSError as error:
        raise StateTrouble(
            f"can't write {target}: {error.strerror}; make room, or allow us to write there: what is on the disk for sure is "
            "kept, and the next run goes on"
        ) from error
