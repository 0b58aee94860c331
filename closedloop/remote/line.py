"""The line: a socket that is connected to a server."""

import socket
from contextlib import suppress

from closedloop.errors import RemoteError
from closedloop.remote.patience import Patience

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


def dial(host: str, port: int, patience: Patience, setting: str) -> Line:
    """Return a line to a server; `RemoteError` names the `setting` that may be wrong."""
    try:
        return connected(host, port, patience.connect_seconds)
    except OSError as error:
        unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
        advice = f"is {setting} right?" if unknown else "is the server up?"
        raise RemoteError(
            f"can't reach {host}:{port}: {words(error)}; {advice}", transient=not unknown
        ) from error


def words(error: BaseException) -> str:
    """Say what went wrong on the line."""
    if str(error).startswith(("Socket is closed", "Error reading SSH protocol banner")):
        # The library's own words for a line that the server closed.
        return "closed by the server"
    if isinstance(error, OSError):
        return error.strerror or str(error) or "no answer in time"
    if str(error).startswith("Indecipherable protocol"):
        # The library quotes what the server said, which may be anything.
        return "it does not speak SSH"
    return str(error) or "closed by the server"
