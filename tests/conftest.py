"""Real servers for every part: an OpenSSH `sshd` on this machine, with keys of its own."""

import asyncio
import logging
import math
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import asyncssh
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import HealthCheck, settings

from closedloop.model.settings import Client

T = TypeVar("T")


LOGGERS = [logging.getLogger(name) for name in ("", "closedloop", "closedloop.flows.pull")]
LEVELS = [each.level for each in LOGGERS]


def pytest_configure() -> None:
    """Hear SIGINT, so that what the tests start does, too: whoever was started in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A busy machine is slow, and a slow example is not a wrong one.
    patient = [HealthCheck.too_slow]
    settings.register_profile("patient", settings(), deadline=None, suppress_health_check=patient)
    settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> None:
    """Begin with a log as nobody has set it up: a command line run in this process, by a module's fixture too, has."""
    for each, level in zip(LOGGERS, LEVELS, strict=True):
        each.setLevel(level)


MAGIC_WORDS = "open sesame"

SSHD_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
"""


def write_key(key: Ed25519PrivateKey | RSAPrivateKey, path: Path, passphrase: str = "") -> str:
    """Write a private key as ssh-keygen would, and return the line of its public half."""
    locked = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, locked)
    )
    return public_line(key)


def public_line(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    """Return the line of a key's public half."""
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(encoding, form).decode()


def _find_sshd() -> str:
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        lacking = "no sshd on this machine: these tests need OpenSSH's server (apt install openssh-server)"
        if os.environ.get("CLOSEDLOOP_REQUIRE_SSHD"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_up(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _await_start(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while not _is_up(port):
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"sshd did not start: {log.read_text()}")
        time.sleep(0.02)


class _Doorkeeper(asyncssh.SSHServer):
    """Lets in who has the key, or the password "open sesame"; notes every try."""

    def __init__(self, server: "OtherServer") -> None:
        self._tries = server.password_tries
        self._log_ins = server.log_ins
        self._guests = server.guests

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._guests.append(conn)

    def begin_auth(self, username: str) -> bool:
        self._log_ins.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._tries.append(username)
        return password == MAGIC_WORDS


class _Files(asyncssh.SFTPServer):
    """Serves files; `tricks` replace what it does when asked for something, by the name of the method."""

    tricks: ClassVar[dict[str, Callable[..., None]]] = {}

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self.tricks.get("rename", super().rename)(oldpath, newpath)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if "write" in self.tricks:
            self.tricks["write"](offset, data)
            return len(data)
        written = super().write(file_obj, offset, data)
        return written if isinstance(written, int) else await written


class OtherServer:
    """An SFTP server on asyncssh, in a thread of its own: another implementation than OpenSSH's."""

    def __init__(self, folder: Path) -> None:
        self.password_tries: list[str] = []
        self.tricks = _Files.tricks
        self.log_ins: list[str] = []
        self.guests: list[asyncssh.SSHServerConnection] = []
        self._folder = folder
        self._host_key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
        self._user_key = write_key(Ed25519PrivateKey.generate(), folder / "user_key")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listener = self._do(self._listen())
        self.port = self._listener.get_port()
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def client(self) -> Client:
        """Return the client that may log in."""
        return Client(
            host="127.0.0.1",
            port=self.port,
            user="somebody",
            key=str(self._folder / "user_key"),
            host_keys=(self._host_key.export_public_key().decode().strip(),),
        )

    def _do(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=20)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Doorkeeper(self),
            server_host_keys=[self._host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(self._user_key),
            sftp_factory=_Files,
        )

    async def _stop(self) -> None:
        self._listener.close()
        await self._listener.wait_closed()
        for guest in self.guests:
            guest.abort()
            await guest.wait_closed()
        await asyncio.sleep(0.05)


class Wire:
    """A TCP connection in the middle that can be cut or fall silent. One server, many connections."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.received = 0
        self._target = port
        self._left: float = math.inf
        self._answers: float = math.inf
        self._silently = False
        self._trickling = False
        self._silent = threading.Event()
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def break_after(
        self, received: float = math.inf, answers: float = math.inf, *, silently: bool = False
    ) -> None:
        """Break once so many bytes, or answers, more came from the server: cut, or hold all back."""
        self._left, self._answers, self._silently = received, answers, silently

    def mend(self) -> None:
        """Let everything through again, on new connections; what was held back is cut."""
        self.break_after()
        self._silent.clear()

    def trickle(self) -> None:
        """Pass on what the server says byte by byte, twenty a second."""
        self._trickling = True

    def fall_silent(self) -> None:
        """Hold everything back at once, in both directions."""
        self._silent.set()

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended = True
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for one in self._sockets:
            _hang_up(one)
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._door.accept()
            except OSError:
                return
            theirs = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [ours, theirs]
            self._start(self._pass_up, ours, theirs)
            self._start(self._pass_down, theirs, ours)

    def _pass_up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                self._wait_while_silent()
                server.sendall(data)
        _hang_up(client)
        _hang_up(server)

    def _pass_down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                self._wait_while_silent()
                if not self._may_pass(len(data)):
                    break
                self._send_slowly(client, data) if self._trickling else client.sendall(data)
                self.received += len(data)
        _hang_up(client)
        _hang_up(server)

    def _send_slowly(self, client: socket.socket, data: bytes) -> None:
        for byte in data:
            client.sendall(bytes([byte]))
            time.sleep(0 if self._ended else 0.05)

    def _may_pass(self, size: int) -> bool:
        self._answers -= 1
        self._left -= size
        may = self._left >= 0 and self._answers >= 0
        if not may and self._silently:
            self._silent.set()
            self._wait_while_silent()
        return may

    def _wait_while_silent(self) -> None:
        while self._silent.is_set() and not self._ended:
            time.sleep(0.02)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.fixture(scope="session")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherServer]:
    """An SFTP server that is not OpenSSH's."""
    with OtherServer(tmp_path_factory.mktemp("asyncssh")) as server:
        yield server


@pytest.fixture
def wire(sshd: Client) -> Iterator[Wire]:
    """A connection to sshd that can be cut or fall silent."""
    with Wire(sshd.port) as middle:
        yield middle


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """OpenSSH's sshd on 127.0.0.1, seen as the client that may log in to it; its whole disk is there."""
    binary, port, folder = _find_sshd(), _free_port(), tmp_path_factory.mktemp("sshd")
    host_key = write_key(Ed25519PrivateKey.generate(), folder / "host_key")
    user_key = write_key(Ed25519PrivateKey.generate(), folder / "user_key")
    (folder / "authorized_keys").write_text(user_key + "\n")
    (folder / "config").write_text(SSHD_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        # Where sshd locks itself in; the system makes it only when it starts the service itself.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "log"
    command = [binary, "-D", "-e", "-f", str(folder / "config")]
    with log.open("wb") as errors, subprocess.Popen(command, stderr=errors) as server:  # noqa: S603 - our own command line
        try:
            _await_start(server, port, log)
            yield Client(
                host="127.0.0.1",
                port=port,
                user=pwd.getpwuid(os.geteuid()).pw_name,
                key=str(folder / "user_key"),
                host_keys=(host_key,),
            )
        finally:
            server.terminate()


@pytest.fixture
def client_on(sshd: Client) -> Callable[[Path], Client]:
    """Make a client of sshd whose folders incoming, outgoing, errors and logs lie below a folder."""
    return lambda folder: with_folders(sshd, folder)


def with_folders(client: Client, folder: Path) -> Client:
    """Make the four folders of a client below a folder of this disk."""
    fields = {"upload": "incoming", "download": "outgoing", "errors": "errors", "logs": "logs"}
    for name in fields.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    return client.model_copy(update={key: str(folder / name) for key, name in fields.items()})
