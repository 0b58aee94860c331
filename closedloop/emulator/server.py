"""The platform's SFTP server: key log-in, one walled-in account for each client."""

import asyncio
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from closedloop.emulator import keys
from closedloop.emulator.misbehaviour import Misbehaviour
from closedloop.emulator.mischief import Mischief
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

from closedloop.emulator.folders import Folders  # after the sentence about what it needs

HOST = "127.0.0.1"
START_SECONDS = 30


class Server:
    """Serves a platform's folders while the block runs, in a thread of its own.

    Keys and client.toml are written on entry; the port is platform.toml's unless one is given, and 0 takes a
    free one. Raises `ProjectError` if the port is taken. Uploads are looked at by `Platform.tick`, not here.

    `misbehave` takes the place of platform.toml's `[misbehave]` until it is set to None.
    """

    host = HOST

    def __init__(
        self, platform: Platform, port: int | None = None, misbehave: Misbehaviour | None = None
    ) -> None:
        self.platform = platform
        self.port = platform.config.port if port is None else port
        self._started: Future[int] = Future()
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._inside: set[asyncssh.SSHServerConnection] = set()
        self._visits: set[asyncio.Task[None]] = set()
        self._mischief = Mischief(platform, misbehave)

    @property
    def misbehave(self) -> Misbehaviour | None:
        """How it misbehaves, from the next request on, whatever platform.toml says."""
        return self._mischief.given

    @misbehave.setter
    def misbehave(self, asked: Misbehaviour | None) -> None:
        self._mischief.given = asked

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
            listener = socket.create_server((HOST, self.port))
        except OSError as error:
            self._started.set_exception(error)
            return
        with listener:
            listener.settimeout(0)
            options = await self._options()
            accepting = asyncio.create_task(self._accept(listener, options))
            self._started.set_result(listener.getsockname()[1])
            await stop.wait()
            await _cancelled(accepting)
            await self._hang_up()

    async def _hang_up(self) -> None:
        connections = list(self._inside)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()
        await _cancelled(*self._visits)

    async def _accept(
        self, listener: socket.socket, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connected, _ = await loop.sock_accept(listener)
            visit = asyncio.create_task(self._visit(connected, options))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)

    async def _visit(
        self, connected: socket.socket, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        """Greet whoever connected, as badly as asked for, and let SSH take over."""
        asked, fault = self._mischief.now, self._mischief.fault("connect")
        try:
            is_full = 0 < asked.sessions <= len(self._inside)
            if not is_full and await self._is_greeted(connected, asked) and fault is None:
                # The library reports here each way in which a client may fail before it is inside.
                with suppress(OSError, asyncssh.Error):
                    await asyncssh.run_server(connected, options=options, **_changed(asked))
                return
            if fault and fault.do == "stall":
                await asyncio.Event().wait()
            connected.close()
        except asyncio.CancelledError:
            connected.close()
            raise

    async def _is_greeted(self, connected: socket.socket, asked: Misbehaviour) -> bool:
        """Make the noise asked for; say whether the client has stayed."""
        noise = [b"Welcome, this is line %d\r\n" % line for line in range(asked.noise_lines)]
        try:
            await asyncio.get_running_loop().sock_sendall(connected, b"".join(noise))
        except OSError:
            return False
        return True

    async def _options(self) -> asyncssh.SSHServerConnectionOptions:
        places = self.platform.places
        logins = {account.login: account for account in self.platform.config.clients}

        def folders(channel: asyncssh.SSHServerChannel[bytes]) -> Folders:
            account = logins[channel.get_extra_info("username")]
            return Folders(channel, places, account, self._mischief)

        options: asyncssh.SSHServerConnectionOptions = (
            await asyncssh.SSHServerConnectionOptions.construct(
                server_host_keys=[
                    keys.loaded(path, path.stat().st_mtime_ns) for path in keys.host_keys(places)
                ],
                server_factory=lambda: _Door(
                    {login: keys.public(places, account) for login, account in logins.items()},
                    self._inside,
                    self._mischief,
                ),
                sftp_factory=folders,
                allow_scp=False,
                agent_forwarding=False,
            )
        )
        return options


def _changed(asked: Misbehaviour) -> dict[str, object]:
    changed: dict[str, object] = {}
    if asked.rekey_bytes:
        changed["rekey_bytes"] = asked.rekey_bytes
    if asked.new_host_key:
        changed["server_host_keys"] = [asyncssh.generate_private_key("ssh-ed25519")]
    return changed


async def _cancelled(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Door(asyncssh.SSHServer):
    """Lets in who holds the key of an account, and nobody else."""

    def __init__(
        self,
        allowed: dict[str, Path],
        inside: set[asyncssh.SSHServerConnection],
        mischief: Mischief,
    ) -> None:
        self.allowed = allowed
        self.inside = inside
        self.mischief = mischief
        self.connection: asyncssh.SSHServerConnection | None = None
        self.trying = ""
        self.failed = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.inside.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection:
            self.inside.discard(self.connection)

    def begin_auth(self, username: str) -> bool:
        self.trying = username
        if self.connection and username in self.allowed and not self.mischief.is_locked(username):
            self.connection.set_authorized_keys(str(self.allowed[username]))
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        # Asked about keys that may not log in only. However many of them one client shows, it is one bad log-in.
        if not self.failed:
            self.failed = True
            self.mischief.logged_in(username, well=False)
        return False

    def auth_completed(self) -> None:
        self.mischief.logged_in(self.trying, well=True)
