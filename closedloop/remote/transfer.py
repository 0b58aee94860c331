"""Whole files over an SFTP conversation, with many blocks under way at a time."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import BinaryIO

from closedloop.remote import packets
from closedloop.remote.base import NotAsListed, Progress
from closedloop.remote.conversation import Conversation
from closedloop.remote.packets import Attributes, Kind, Status

IN_FLIGHT_BYTES = 8 * 1024 * 1024

Sink = Callable[[memoryview], None]
"""Takes the bytes of a file, in order."""


class Reading:
    """A file the server holds open for reading. `block` is the most it may be asked for at once."""

    def __init__(self, peer: Conversation, handle: bytes, path: str, block: int) -> None:
        self._peer = peer
        self._handle = handle
        self._path = path
        self._block = block
        self._most = IN_FLIGHT_BYTES // block
        self._asked: dict[int, tuple[int, int]] = {}
        self._early: dict[int, memoryview] = {}

    def attributes(self) -> Attributes:
        """Describe the open file, whatever bears its name by now."""
        answer = self._peer.call(Kind.FSTAT, self._handle)
        fields = self._peer.expect(answer, Kind.ATTRS, f"look at {self._path}")
        with self._peer.understanding():
            return Attributes.read(fields)

    def read(self, start: int, end: int, sink: Sink) -> None:
        """Hand the bytes from `start` up to `end` to `sink`; `end` must be the end of the file.

        Blocks may come in any order and shorter than asked; how many wait is bounded, so that memory
        is. Raises `NotAsListed` if the file ends earlier or later.
        """
        blocks = self._blocks(start, end)
        while start < end:
            free = self._most - len(self._asked) - len(self._early)
            # Many at a time: to send a request costs more than to write it.
            if free > self._most // 4 or not self._asked:
                for offset, length in islice(blocks, max(0, free)):
                    self._ask(offset, length)
            self._take()
            while start in self._early:
                piece = self._early.pop(start)
                sink(piece)
                start += len(piece)
        self._check_end(end)

    def _blocks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        return (
            (offset, min(self._block, end - offset)) for offset in range(start, end, self._block)
        )

    def _ask(self, offset: int, length: int) -> None:
        where = packets.long(offset) + packets.number(length)
        self._asked[self._peer.ask(Kind.READ, self._handle, where)] = (offset, length)

    def _take(self) -> None:
        answer = self._peer.answer()
        offset, length = self._asked.pop(answer.request)
        if answer.status == Status.EOF:
            raise NotAsListed(self._path)
        fields = self._peer.expect(answer, Kind.DATA, f"read {self._path}")
        with self._peer.understanding():
            data = fields.text()
            if not 1 <= len(data) <= length:
                raise ValueError(f"asked for {length} bytes, it sends {len(data)}")
        self._early[offset] = data
        if len(data) < length:
            self._ask(offset + len(data), length - len(data))

    def _check_end(self, end: int) -> None:
        where = packets.long(end) + packets.number(1)
        answer = self._peer.call(Kind.READ, self._handle, where)
        if answer.status != Status.EOF:
            self._peer.expect(answer, Kind.DATA, f"read {self._path}")
            raise NotAsListed(self._path)


class Writing:
    """A file the server holds open for writing. `block` is the most it may be given at once."""

    def __init__(self, peer: Conversation, handle: bytes, path: str, block: int) -> None:
        self._peer = peer
        self._handle = handle
        self._doing = f"store {path}"
        self._block = block
        self._most = IN_FLIGHT_BYTES // block

    def write(self, source: BinaryIO, whole: int, progress: Progress) -> int:
        """Store all of `source` and return its length, once the server has said yes to every block."""
        done = 0
        while block := source.read(self._block):
            if self._peer.unanswered >= self._most:
                self._take()
            where = packets.long(done) + packets.number(len(block))
            self._peer.ask(Kind.WRITE, self._handle, where, block)
            self._peer.flush()
            done += len(block)
            progress(done, whole)
        while self._peer.unanswered:
            self._take()
        return done

    def _take(self) -> None:
        self._peer.expect(self._peer.answer(), Kind.STATUS, self._doing)
