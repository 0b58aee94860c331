"""The host keys that a server shows, for a person to compare: fetched without logging in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paramiko.ssh_exception import IncompatiblePeer, SSHException
from paramiko.transport import Transport

from closedloop.errors import RemoteError
from closedloop.remote.line import dial, words
from closedloop.remote.patience import Patience, Watchdog

KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""The algorithms by which a key of each kind signs, the best kind first."""

SHORT = Patience(connect_seconds=10, login_seconds=10)
"""Somebody sits and waits."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key as `host_keys` takes it, and as a person compares it."""

    line: str
    fingerprint: str

    @property
    def kind(self) -> str:
        """Its type, as in ssh-ed25519."""
        return self.line.partition(" ")[0]


def host_keys(host: str, port: int, patience: Patience = SHORT) -> tuple[HostKey, ...]:
    """Return the keys that a server shows, one of each kind it has; the server has proved to hold them.

    Nobody logs in. Raises `RemoteError` if the server can't be reached or shows none.
    """
    found = (_shown(host, port, algorithms, patience) for algorithms in KINDS)
    keys = tuple(key for key in found if key)
    if not keys:
        raise RemoteError(f"{host}:{port} shows no host key of a kind that is known here")
    return keys


def _shown(host: str, port: int, algorithms: tuple[str, ...], patience: Patience) -> HostKey | None:
    """Meet the server by these algorithms alone; None if it has no key for them."""
    transport = Transport(dial(host, port, patience, "the host"))
    with _closing(transport, patience) as watchdog:
        options = transport.get_security_options()
        options.key_types = tuple(name for name in algorithms if name in options.key_types)
        try:
            transport.start_client()
            key = transport.get_remote_server_key()
        except IncompatiblePeer:
            return None
        except (SSHException, OSError, EOFError) as error:
            why = "it fell silent" if watchdog.barked else words(error)
            raise RemoteError(
                f"{host}:{port} did not show its host key: {why}; are host and port right?"
            ) from error
    return HostKey(f"{key.get_name()} {key.get_base64()}", key.fingerprint)


@contextmanager
def _closing(transport: Transport, patience: Patience) -> Iterator[Watchdog]:
    # The watchdog keeps the time; the library's own limits must not come before it.
    transport.banner_timeout = transport.handshake_timeout = patience.login_seconds * 2
    watchdog = Watchdog(transport.close, patience)
    try:
        with watchdog.waiting(patience.login_seconds):
            yield watchdog
    finally:
        watchdog.stop()
        transport.close()
