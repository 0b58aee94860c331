"""Locks between processes: held by the kernel for as long as their holder lives."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from closedloop.errors import Locked, StateTrouble

BETWEEN_LOOKS_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for another holder."""

    seconds: float = 0
    sleep: Callable[[float], None] = time.sleep


AT_ONCE = Patience()


@contextmanager
def held(path: Path, who: str, rival: str, patience: Patience = AT_ONCE) -> Iterator[None]:
    """Hold the lock at `path` in the name of `who`.

    Raises `Locked` once the waiting is over, saying which `rival` holds it and since when, and `StateTrouble` where the
    disk gives no locks. The file stays: to remove it would let two hold a lock of one name.
    """
    descriptor = _opened(path)
    try:
        _acquire(descriptor, path, patience, f"{who}: {rival}")
        # A full disk keeps the name out of the file, not us out of the lock.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{who}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _trouble(path, error) from error


def _acquire(descriptor: int, path: Path, patience: Patience, what: str) -> None:
    due = time.monotonic() + patience.seconds
    while not _is_ours(descriptor, path):
        if time.monotonic() >= due:
            raise Locked(f"{what} is under way ({_holder(path)}); nothing was done")
        patience.sleep(BETWEEN_LOOKS_SECONDS)


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _trouble(path, error) from error
    return True


def _trouble(path: Path, error: OSError) -> StateTrouble:
    return StateTrouble(
        f"{path} can't be locked: {error.strerror}; check the free space and the rights of the state folder, and that it "
        "lies on a disk of this machine"
    )


def _holder(path: Path) -> str:
    try:
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return f"{path.read_text(encoding='utf-8')}, since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, ValueError):
        return "another process"
