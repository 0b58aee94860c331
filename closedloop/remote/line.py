"""The line: a socket that is connected to a server."""

import socket
from contextlib import suppress

QUICK = getattr(socket, "TCP_QUICKACK", None)
"""Linux alone has it, and forgets it at the next chance."""


class Line(socket.socket):
    """A socket that says at once what it has received, until it `is_settled`.

    While we log in, a server may keep back its second small packet until the first is acknowledged, which the system puts off
    for 40 ms.
    """

    is_settled = False

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return what has come, as any socket does."""
        data = super().recv(bufsize, flags)
        if not self.is_settled and QUICK is not None:
            with suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
        return data


def connected(host: str, port: int, seconds: float) -> Line:
    """Return a line to a server that accepts within so many seconds; `OSError` if none does."""
    line = Line(fileno=socket.create_connection((host, port), timeout=seconds).detach())
    line.settimeout(seconds)
    # paramiko leaves Nagle's algorithm on, which makes small requests wait for each other.
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
