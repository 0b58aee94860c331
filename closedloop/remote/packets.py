"""SFTP version 3 on the wire: the numbers, the fields, the attributes (draft-ietf-secsh-filexfer-02)."""

import stat
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Self

VERSION = 3


class Kind(IntEnum):
    """What a packet is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """What a server says of a request."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class OpenFlag(IntFlag):
    """How a file is opened."""

    READ = 0x01
    WRITE = 0x02
    CREATE = 0x08
    EXCLUSIVE = 0x20


class Has(IntFlag):
    """Which attributes follow."""

    SIZE = 0x01
    OWNER = 0x02
    MODE = 0x04
    TIMES = 0x08
    EXTENDED = 0x80000000


def number(value: int) -> bytes:
    """Write a 32-bit number."""
    return struct.pack(">I", value)


def long(value: int) -> bytes:
    """Write a 64-bit number."""
    return struct.pack(">Q", value)


def text(value: bytes) -> bytes:
    """Write a string: its length, then its bytes."""
    return struct.pack(">I", len(value)) + value


def packet(kind: Kind, *fields: bytes) -> bytes:
    """Write a whole packet."""
    body = b"".join(fields)
    return struct.pack(">IB", len(body) + 1, kind) + body


class Fields:
    """The fields of a packet, read one after the other; `ValueError` where it is too short."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self._at = 0

    def take(self, size: int) -> memoryview:
        """Return the next bytes without copying them."""
        piece = self._body[self._at : self._at + size]
        if len(piece) < size:
            raise ValueError("a packet ends too early")
        self._at += size
        return piece

    def number(self) -> int:
        """Read a 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def long(self) -> int:
        """Read a 64-bit number."""
        return int.from_bytes(self.take(8), "big")

    def text(self) -> memoryview:
        """Read a string."""
        return self.take(self.number())

    @property
    def at_end(self) -> bool:
        """Nothing follows."""
        return self._at >= len(self._body)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the server says about a file; None where it does not say."""

    size: int | None = None
    mode: int | None = None
    modified: int | None = None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the attributes that follow in a packet."""
        flags = fields.number()
        size = fields.long() if flags & Has.SIZE else None
        if flags & Has.OWNER:
            fields.take(8)
        mode = fields.number() if flags & Has.MODE else None
        modified = None
        if flags & Has.TIMES:
            fields.take(4)
            modified = fields.number()
        if flags & Has.EXTENDED:
            for _ in range(2 * fields.number()):
                fields.text()
        return cls(size, mode, modified)

    @property
    def is_complete(self) -> bool:
        """Size, kind and time are all known."""
        return None not in (self.size, self.mode, self.modified)

    @property
    def is_link(self) -> bool:
        """A symbolic link."""
        return self.mode is not None and stat.S_ISLNK(self.mode)

    @property
    def is_plain(self) -> bool:
        """A plain file, or a server that does not say what it is."""
        return self.mode is None or stat.S_IFMT(self.mode) in (0, stat.S_IFREG)
