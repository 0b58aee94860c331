"""A connection to an SSH server: known, logged in, and a stream of bytes for an SFTP session."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from paramiko.channel import Channel
from paramiko.pkey import PKey
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    ChannelException,
    IncompatiblePeer,
    SSHException,
)
from paramiko.transport import Transport

from closedloop.errors import LogInRefused, RemoteError
from closedloop.remote.access import Access
from closedloop.remote.conversation import IF_IT_GOES_ON
from closedloop.remote.inbox import Inbox
from closedloop.remote.line import Line, words
from closedloop.remote.patience import Patience, Watchdog
from closedloop.remote.session import Session

# Twice what is under way at most: the line must not wait for us, however long the way.
WINDOW_BYTES = 16 * 1024 * 1024
SEND_BYTES = 32 * 1024
FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")

# Whatever paramiko would log, with tracebacks, reaches the operator as one of our sentences.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class Connection:
    """One log-in on a line, with its SFTP `session` and a watchdog that ends it when the peer falls silent.

    Raises `RemoteError`: transient where the network or the server failed, not where the server is not the
    one we know, or does not let us in.
    """

    def __init__(self, access: Access, patience: Patience, line: Line) -> None:
        credential, pins = access.credential(), access.pins()
        self._access = access
        self._idle_seconds = patience.idle_seconds
        self._transport = Transport(line, WINDOW_BYTES)
        self._watchdog = Watchdog(self._transport.close, patience)
        try:
            with self._watchdog.waiting(patience.login_seconds):
                self._greet(pins, patience)
                self._log_in(credential)
                self._channel = self._open_channel()
            line.is_settled = True
            self.session = Session(self, access.peer)
        except BaseException:
            self.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Neither side has ended it yet, as far as we can see."""
        return self._transport.is_active() and not self._channel.closed

    def send(self, data: bytes) -> None:
        """Send all of it; each piece of it may take the idle time."""
        for at in range(0, len(data), SEND_BYTES):
            piece = data[at : at + SEND_BYTES]
            with self._waiting("sending to"):
                self._channel.sendall(piece)

    def recv(self, size: int) -> bytes:
        """Return so many bytes, and fewer only at the end; between any two the idle time may pass."""
        with self._waiting("waiting for"):
            data = self._channel.recv(size)
        if len(data) < size and self._watchdog.barked:
            raise self._silent("waiting for")
        return data

    @contextmanager
    def acting(self, seconds: float) -> Iterator[None]:
        """Let the talk in this block take so long in all, however lively the peer is."""
        with self._watchdog.acting(seconds):
            yield

    def close(self) -> None:
        """End it."""
        self._watchdog.stop()
        self._transport.close()

    @contextmanager
    def _waiting(self, doing: str) -> Iterator[None]:
        self._hear()
        with self._translated(doing):
            yield
        self._watchdog.wait_until(math.inf)

    def _hear(self) -> None:
        self._watchdog.wait_until(time.monotonic() + self._idle_seconds)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (SSHException, OSError, EOFError) as error:
            if self._watchdog.barked:
                raise self._silent(doing) from error
            hopeless = isinstance(error, IncompatiblePeer | ChannelException)
            raise RemoteError(
                f"the connection broke while {doing} {self._access.peer}: {words(error)}; {_advice(error)}",
                transient=not hopeless,
            ) from error

    def _silent(self, doing: str) -> RemoteError:
        if self._watchdog.was_too_slow:
            # Not transient: another try would be as slow, and hold the run as long once more.
            return RemoteError(
                f"{self._access.peer} answers too slowly: gave up {doing} it; what was fetched is kept, and the next run goes "
                f"on. For a slow line, lower {self._access.setting('slowest_bytes_per_second')}"
            )
        return RemoteError(
            f"{self._access.peer} fell silent: gave up {doing} it; {IF_IT_GOES_ON}",
            transient=True,
        )

    def _greet(self, pins: dict[bytes, str], patience: Patience) -> None:
        transport = self._transport
        # The watchdog keeps the time; the library's own limits must not come before it.
        transport.banner_timeout = transport.handshake_timeout = patience.login_seconds * 2
        transport.auth_timeout = patience.login_seconds * 2
        options = transport.get_security_options()
        options.ciphers = _first(FAST_CIPHERS, options.ciphers)
        options.key_types = _first(_algorithms(pins), options.key_types)
        with self._translated("meeting"):
            transport.start_client()
            key = transport.get_remote_server_key()
        if key.asbytes() not in pins:
            raise RemoteError(
                f"{self._access.peer} shows a host key we don't know, {key.get_name()} {key.fingerprint}; nothing "
                f"was sent. Ask the platform's support for their fingerprint: if it is this one, add the key to "
                f"{self._access.setting('host_keys')}; if not, someone is in between"
            )

    def _log_in(self, credential: PKey | str) -> None:
        user = self._access.client.user
        with self._translated("logging in at"):
            try:
                if isinstance(credential, str):
                    missing = self._transport.auth_password(user, credential)
                else:
                    missing = self._transport.auth_publickey(user, credential)
            except AuthenticationException as error:
                if self._watchdog.barked:
                    raise
                raise self._refused(error) from error
        if missing:
            raise LogInRefused(
                f"{self._access.peer} wants a second proof besides ours ({', '.join(missing)}), "
                f"which can't be given by a program; ask for an account without"
            )

    def _refused(self, error: AuthenticationException) -> LogInRefused:
        # A server that hangs up may mean no; taking it for a fault of the line could lock the account.
        did = "refused" if self._transport.is_active() else "hung up, which may mean no, on"
        offers = ""
        if isinstance(error, BadAuthenticationType):
            offers = f" (it offers {', '.join(error.allowed_types)})"
        setting = self._access.setting
        return LogInRefused(
            f"{self._access.peer} {did} the log-in of '{self._access.client.user}'{offers}; it is not tried again, "
            f"since accounts get locked. Compare {setting('user')} and "
            f"{setting('key' if self._access.client.key else 'password_env')} with what the platform's support has"
        )

    def _open_channel(self) -> Channel:
        with self._translated("opening SFTP at"):
            channel = self._transport.open_session()
            channel.in_buffer = Inbox(self._hear)
            try:
                channel.invoke_subsystem("sftp")
            except SSHException as error:
                if self._watchdog.barked or not self._transport.is_active():
                    raise
                raise RemoteError(
                    f"{self._access.peer} offers no SFTP to '{self._access.client.user}'; ask for it"
                ) from error
        return channel


def _first(favourites: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    ahead = tuple(name for name in favourites if name in known)
    return (*ahead, *(name for name in known if name not in ahead))


def _algorithms(pins: dict[bytes, str]) -> tuple[str, ...]:
    # An RSA key signs by several algorithms; every other type by the one of its own name.
    rsa = ("rsa-sha2-512", "rsa-sha2-256")
    return tuple(
        name for kind in pins.values() for name in ((*rsa, kind) if kind == "ssh-rsa" else (kind,))
    )


def _advice(error: BaseException) -> str:
    if str(error).startswith("Indecipherable protocol"):
        return "are host and port right?"
    return IF_IT_GOES_ON
