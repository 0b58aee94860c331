"""The platform's SFTP server: key log-in, one walled-in account for each client."""

import asyncio
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Self

from closedloop.emulator import keys
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import asyncssh
except ImportError as error:  # pragma: no cover - only where the extra is not installed
    raise ProjectError(
        "the emulator's server needs asyncssh: install closedloop[emulator]"
    ) from error

HOST = "127.0.0.1"
START_SECONDS = 30


class Server:
    """Serves a platform's folders while the block runs, in a thread of its own.

    Keys and client.toml are written on entry; the port is platform.toml's unless one is given, and 0 takes a
    free one. Raises `ProjectError` if the port is taken. Uploads are looked at by `Platform.tick`, not here.
    """

    host = HOST

    def __init__(self, platform: Platform, port: int | None = None) -> None:
        self.platform = platform
        self.port = platform.config.port if port is None else port
        self._started: Future[int] = Future()
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._open: set[asyncssh.SSHServerConnection] = set()

    def __enter__(self) -> Self:
        keys.create(self.platform.places, self.platform.config.clients)
        self._thread.start()
        try:
            self.port = self._started.result(START_SECONDS)
        except OSError as error:
            self._thread.join()
            raise ProjectError(
                f"port {self.port} on {HOST} can't be used: {error.strerror}; stop what holds it or give"
                " another --port"
            ) from error
        keys.write_client_settings(self.platform.places, self.platform.config.clients, self.port)
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            if not self._started.done():
                self._started.set_exception(ProjectError("the emulator's server did not start"))

    async def _serve(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._end = lambda: loop.call_soon_threadsafe(stop.set)
        try:
            acceptor = await self._listen()
        except OSError as error:
            self._started.set_exception(error)
            return
        self._started.set_result(acceptor.get_port())
        await stop.wait()
        await self._hang_up(acceptor)

    async def _hang_up(self, acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()
        await acceptor.wait_closed()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        places = self.platform.places
        logins = {account.login: account for account in self.platform.config.clients}

        def folders(channel: asyncssh.SSHServerChannel[bytes]) -> _Folders:
            account = logins[channel.get_extra_info("username")]
            return _Folders(channel, chroot=os.fsencode(places.account(account)))

        return await asyncssh.listen(
            HOST,
            self.port,
            server_host_keys=[str(path) for path in keys.host_keys(places)],
            server_factory=lambda: _Door(
                {login: keys.public(places, account) for login, account in logins.items()},
                self._open,
            ),
            sftp_factory=folders,
            allow_scp=False,
            agent_forwarding=False,
        )


class _Door(asyncssh.SSHServer):
    """Lets in who holds the key of an account, and nobody else."""

    def __init__(self, allowed: dict[str, Path], inside: set[asyncssh.SSHServerConnection]) -> None:
        self.allowed = allowed
        self.inside = inside
        self.connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.inside.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection:
            self.inside.discard(self.connection)

    def begin_auth(self, username: str) -> bool:
        if self.connection and username in self.allowed:
            self.connection.set_authorized_keys(str(self.allowed[username]))
        return True


class _Folders(asyncssh.SFTPServer):
    """One account's folders; no way out of them."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename a file, never over an existing one, even if that one appears at this very moment."""
        old, new = self.map_path(oldpath), self.map_path(newpath)
        if Path(os.fsdecode(old)).is_file():
            try:
                os.link(old, new, follow_symlinks=False)
            except FileExistsError as error:
                raise asyncssh.SFTPFileAlreadyExists("File already exists") from error
            Path(os.fsdecode(old)).unlink()
            return
        super().rename(oldpath, newpath)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("No links here")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("No links here")
