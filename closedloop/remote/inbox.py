"""An inbox: what a channel has received and nobody has read yet."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from paramiko.buffered_pipe import BufferedPipe

if TYPE_CHECKING:
    Pipe = BufferedPipe[bytes]
else:
    Pipe = BufferedPipe


class Inbox(Pipe):
    """Hands out as many bytes as are asked for, in the pieces they came in, joined once.

    The library's own wakes its reader for every packet and moves what is left to the front after every read. `heard` is
    called for each piece that comes while somebody waits.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard
        self._change = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._size = 0
        self._wanted = 0
        self._is_closed = False

    def __len__(self) -> int:
        return self._size

    def feed(self, data: bytes) -> None:
        """Add a piece."""
        with self._change:
            self._pieces.append(memoryview(data))
            self._size += len(data)
            if self._wanted:
                self._heard()
                if self._size >= self._wanted:
                    self._change.notify()

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """Return so many bytes, waiting for them; fewer only after the end, or when the time is over."""
        with self._change:
            self._wanted = nbytes
            self._change.wait_for(lambda: self._size >= nbytes or self._is_closed, timeout)
            self._wanted = 0
            return b"".join(self._taken(min(nbytes, self._size)))

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()

    def _taken(self, size: int) -> list[memoryview]:
        self._size -= size
        taken = []
        while size:
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            taken.append(piece)
            size -= len(piece)
        return taken
