"""A post office: an SMTP server in a thread that keeps what it is given."""

import socketserver
import threading
from types import TracebackType
from typing import Self


class _Visit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Say yes to everything, and keep each message."""
        self._say("220 here")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"DATA":
                self._say("354 go on")
                self.server.letters.append(self._message())  # type: ignore[attr-defined] # it is our PostOffice's
            self._say("221 bye" if word == b"QUIT" else "250 yes")

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())

    def _message(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line)
        return b"".join(lines)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, letters: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.letters = letters

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor may die at any word."""


class PostOffice:
    """Takes letters while the block runs."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self._server = _Server(self.letters)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        return f"smtp://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
