"""The line: a socket that is connected to a server."""

import socket
from contextlib import suppress

AHEAD_BYTES = 256 * 1024
QUICK = getattr(socket, "TCP_QUICKACK", None)
"""Linux alone has it, and forgets it at the next chance."""


class Line(socket.socket):
    """A socket that says at once what it has received, until it `is_settled`, and reads ahead from then on.

    While we log in, a server may keep back its second small packet until the first is acknowledged, which the system puts off
    for 40 ms. Later the library asks twice for each packet, and the system is asked once for many.
    """

    is_settled = False

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._buffer = memoryview(bytearray(AHEAD_BYTES))
        self._ahead = self._buffer[:0]

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return what has come, as any socket does."""
        if not self.is_settled:
            return self._recv_acknowledged(bufsize, flags)
        if not self._ahead:
            self._ahead = self._buffer[: self.recv_into(self._buffer, 0, flags)]
        data, self._ahead = bytes(self._ahead[:bufsize]), self._ahead[bufsize:]
        return data

    def _recv_acknowledged(self, bufsize: int, flags: int) -> bytes:
        data = super().recv(bufsize, flags)
        if QUICK is not None:
            with suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
        return data


def connected(host: str, port: int, seconds: float) -> Line:
    """Return a line to a server that accepts within so many seconds; `OSError` if none does."""
    line = Line(socket.create_connection((host, port), timeout=seconds).detach())
    line.settimeout(seconds)
    # paramiko leaves Nagle's algorithm on, which makes small requests wait for each other.
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
