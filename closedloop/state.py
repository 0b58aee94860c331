"""The state folder: what was fetched, rejected, archived, written and sent, as files of the owner's only."""

import csv
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO

from closedloop.errors import ClosedLoopError, StateTrouble
from closedloop.model.file import FileIdentity

CHUNK = 1 << 20
WORTH_BEGINNING = 4 << 20
"""So many bytes are worth a call that begins to store them."""
REMEDY = (
    "make room, or mend the rights of the state folder: nothing was lost, and the next run goes on"
)
WRITTEN_SECONDS = 60
"""So long nobody writes one small file."""
HEADER = 18
"""So many bytes at most does a copy's header take."""


class StateFolder:
    """Where files of this side lie, under one root.

    `outbox` subscriber files until they are published, `sent` their copies, `landing` response files until they
    are loaded, `archive` their copies, `quarantine` rejected rows. Every file appears under its name whole or not at all.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def refuse_if_gone(self) -> None:
        """Raise `StateTrouble` where the folder was never made, or its disk is not mounted.

        A new one in its place would know of no wave, and send the slot's again.
        """
        if not (self.root / "locks").is_dir():
            raise StateTrouble(
                f"{self.root}: the state folder is not there, or empty. If its disk is not mounted, mount it; for a new "
                f"installation make it: (umask 077; mkdir -p {self.root}/locks). Nothing was done"
            )

    def landing(self, client: str, name: str) -> Path:
        """Return where a response file waits to be loaded."""
        return self._folder("landing", client) / name

    def landed(self, client: str) -> list[Path]:
        """Return what waits in the landing folder, whole files only."""
        folder = self._folder("landing", client)
        with speaking(folder):
            return sorted(path for path in folder.iterdir() if path.suffix != ".part")

    def outbox(self, client: str, name: str) -> Path:
        """Return where a file to be published is written."""
        return self._folder("outbox", client) / name

    def products(self, client: str, stamp: int, name: str) -> Path:
        """Return where the product data of a wave is written."""
        return self._folder("outbox", client, f"{stamp}_products") / name

    def products_of(self, client: str, stamp: int) -> list[Path]:
        """Return the product data that waits to be published with a wave."""
        return sorted(self._folder("outbox", client).glob(f"{stamp}_products/*.csv"))

    def clear_outbox(self, client: str, stamp: int, name: str) -> None:
        """Remove what was written for a wave."""
        path = self.outbox(client, name)
        with speaking(path):
            path.unlink(missing_ok=True)
            path.with_name(f"{name}.part").unlink(missing_ok=True)
        shutil.rmtree(self._folder("outbox", client) / f"{stamp}_products", ignore_errors=True)

    def sent(self, client: str, name: str) -> Path:
        """Return where the copy of a published file is kept."""
        return self._folder("sent", client) / f"{name}.zst"

    def again(self, client: str, stamp: int) -> Path:
        """Return where the content of a wave lies until it has its new name."""
        return self._folder("outbox", client) / f"{stamp}.again"

    def outbox_names(self, client: str) -> list[str]:
        """Return the names of the whole files that wait in the outbox, by name."""
        folder = self._folder("outbox", client)
        with speaking(folder):
            found = [path for path in folder.iterdir() if path.is_file()]
        return sorted(path.name for path in found if path.suffix != ".part")

    def sent_names(self, client: str) -> list[str]:
        """Return the names of the published files whose copies are kept, by name."""
        return sorted(path.stem for path in self._folder("sent", client).glob("*.zst"))

    def archived(self, file: FileIdentity) -> Path:
        """Return where the copy of one content of a response file is kept."""
        return (
            self._folder("archive", file.client, f"{file.day:%Y}", f"{file.day:%m}")
            / f"{file.name}.{file.sha256[:8]}.zst"
        )

    def archives(self, client: str, day: date | None = None) -> list[Path]:
        """Return the archived copies of the month of a day, or all, oldest first."""
        where = f"{day:%Y}/{day:%m}" if day else "*/*"
        folder = self._folder("archive", client)
        with speaking(folder):
            return sorted(folder.glob(f"{where}/*.zst"), key=lambda path: path.stat().st_mtime)

    def quarantine(self, file: FileIdentity) -> Path:
        """Return where the rejected rows of one content of a response file are kept."""
        return self._folder("quarantine", file.client) / f"{file.name}.{file.sha256[:8]}.csv"

    def errors(self, *parts: str) -> Path:
        """Return the folder of error files, or one below it."""
        return self._folder("errors", *parts)

    def import_log(self, client: str) -> Path:
        """Return where a log file of the platform lies while it is read."""
        return self._folder("logs", client) / "import.log"

    def lock(self, name: str) -> Path:
        """Return the file whose lock says that `name` is being worked on."""
        return self._folder("locks") / f"{name}.lock"

    def client_lock(self, client: str, kind: str) -> Path:
        """Return the file whose lock says that a job of a kind works for a client."""
        return self._folder("locks", client) / f"{kind}.lock"

    @property
    def ledger(self) -> Path:
        """Where the ledger lies."""
        return self.root / "ledger.sqlite"

    def free_bytes(self) -> int:
        """Return how much room the disk has."""
        with speaking(self.root):
            there = next(path for path in (self.root, *self.root.parents) if path.exists())
            return shutil.disk_usage(there).free

    def shown(self, path: Path) -> str:
        """Return a path as a person reads it, from the project's folder on."""
        return str(path.relative_to(self.root.parent))

    def _folder(self, *parts: str) -> Path:
        folder = self.root
        with speaking(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in parts:
                folder /= part
                folder.mkdir(exist_ok=True, mode=0o700)
        return folder


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Turn what the disk says into one sentence: whatever it is, the next run may go through."""
    try:
        yield
    except OSError as error:
        raise StateTrouble(f"{path}: {error.strerror or error}; {REMEDY}") from error


def private(path: Path) -> BinaryIO:
    """Open a new file for writing that only its owner may read; an old one of the name is emptied."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def settle(part: Path, path: Path) -> None:
    """Give a finished file its name, on disk before this returns."""
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_halves(folder: Path, pattern: str) -> None:
    """Remove what killed runs left half written in a folder; what another process may be writing stays."""
    for path in folder.glob(f"{pattern}.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > WRITTEN_SECONDS:
                path.unlink()


def begin_to_store(stream: BinaryIO, start: int, end: int) -> None:
    """Have the disk begin with a part of what was written, so that the wait at the end is short; only Linux can."""
    if sys.platform == "linux":
        # What is not on disk yet is sent there, and stays in memory. Where it is not, the end waits longer.
        with suppress(OSError):
            os.posix_fadvise(stream.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose bytes stand at `path`, on disk, once the block ends well; after an error nothing is left."""
    part = path.with_name(f"{path.name}.part")
    try:
        with private(part) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        settle(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def pack(source: Path, target: Path) -> None:
    """Compress `source` into `target` (zstd), with its time; `source` is removed once the copy is on disk."""
    import zstandard

    # Level 3 took twice the time, for nothing less of made-up deliveries.
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    with speaking(target):
        given = source.stat()
        with source.open("rb") as plain, appearing(target) as packed:
            compressor.copy_stream(plain, packed, given.st_size, read_size=CHUNK, write_size=CHUNK)
            packed.flush()
            os.utime(packed.fileno(), ns=(given.st_mtime_ns, given.st_mtime_ns))
        source.unlink()


def unpack(source: Path, target: Path) -> str:
    """Decompress `source` into `target` and return the SHA-256 of its bytes.

    Raises `ClosedLoopError`, with nothing left at `target`, where the copy is damaged or cut off.
    """
    import zstandard

    digest = hashlib.sha256()
    try:
        with speaking(target), source.open("rb") as packed, appearing(target) as plain:
            for chunk in decompressed(packed):
                digest.update(chunk)
                plain.write(chunk)
    except zstandard.ZstdError as error:
        raise ClosedLoopError(
            f"{source}: the copy is damaged ({error}); take it from a backup, or the file from the server"
        ) from None
    return digest.hexdigest()


def decompressed(packed: BinaryIO) -> Iterator[bytes]:
    """Yield what a copy holds; the library itself is silent about one that is cut off."""
    import zstandard

    left = zstandard.frame_content_size(packed.read(HEADER))
    packed.seek(0)
    for chunk in zstandard.ZstdDecompressor().read_to_iter(packed, write_size=CHUNK):
        left -= len(chunk)
        yield chunk
    if left:
        raise zstandard.ZstdError("it is cut off")


@dataclass(frozen=True, slots=True)
class Copy:
    """What a kept file holds: its lines, bytes and hash."""

    lines: int
    size: int
    sha256: str


def describe_copy(path: Path, packed: Path) -> Copy:
    """Return what a file holds, or where there is none, its compressed copy."""
    with speaking(path):
        stream = path.open("rb") if path.is_file() else packed.open("rb")
        with stream:
            chunks = (
                iter(partial(stream.read, CHUNK), b"") if path.is_file() else decompressed(stream)
            )
            digest, lines, size = hashlib.sha256(), 0, 0
            for chunk in chunks:
                digest.update(chunk)
                lines += chunk.count(b"\n")
                size += len(chunk)
    return Copy(lines, size, digest.hexdigest())


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with speaking(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class OutboxFile:
    """A file being written: counts and hashes its bytes, and takes its name at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._begun = 0
        self._digest = hashlib.sha256()
        self._opened = ExitStack()

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Add bytes."""
        with speaking(self.path):
            self._stream.write(data)
        self._digest.update(data)
        self.size += len(data)
        if self.size - self._begun >= WORTH_BEGINNING:
            begin_to_store(self._stream, self._begun, self.size)
            self._begun = self.size

    def __enter__(self) -> Self:
        with speaking(self.path):
            self._stream = self._opened.enter_context(appearing(self.path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with speaking(self.path):
            self._opened.__exit__(kind, error, trace)


class QuarantineFile:
    """The rejected rows of one file: line, column, rule, raw text, as a CSV that spreadsheets open.

    Nothing is written until there is a row. `keep` gives the file its name; without it nothing is left.
    """

    HEAD = ("line", "column", "rule", "raw")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._rows = 0

    def write(self, rejected: Iterable[tuple[int, str, str, str]]) -> None:
        """Add rejected rows, one for each reason."""
        waiting = list(rejected)
        if not waiting:
            return
        with speaking(self._path), self._appending() as stream:
            # All text is quoted: a bare carriage return would end the row for whoever reads it.
            out = csv.writer(
                stream, delimiter=";", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
            )
            for row in waiting:
                if not self._rows:
                    out.writerow(self.HEAD)
                out.writerow(row)
                self._rows += 1

    def keep(self) -> Path | None:
        """Give the file its name and return it; None, and no file, if nothing was rejected."""
        with speaking(self._path):
            if not self._rows:
                self._path.unlink(missing_ok=True)
                return None
            with self._part.open("rb") as stream:
                os.fsync(stream.fileno())
            settle(self._part, self._path)
        return self._path

    def __enter__(self) -> Self:
        with speaking(self._part):
            self._part.unlink(missing_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        with speaking(self._part):
            self._part.unlink(missing_ok=True)

    @contextmanager
    def _appending(self) -> Iterator[TextIO]:
        number = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as stream:
            yield stream
