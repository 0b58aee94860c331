"""Real servers for every part: an OpenSSH `sshd` on this machine, with keys of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from closedloop.model.settings import Client

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
        pytest.fail("no sshd on this machine: these tests need OpenSSH's server (openssh-server)")
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
                user=_own_name(),
                key=str(folder / "user_key"),
                host_keys=(host_key,),
            )
        finally:
            server.terminate()


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def client_on(sshd: Client) -> Callable[[Path], Client]:
    """Make a client of sshd whose folders incoming, outgoing, errors and logs lie below a folder."""

    def make(folder: Path) -> Client:
        places = ("incoming", "outgoing", "errors", "logs")
        for place in places:
            (folder / place).mkdir(parents=True, exist_ok=True)
        incoming, outgoing, errors, logs = (str(folder / place) for place in places)
        where = {"upload": incoming, "download": outgoing, "errors": errors, "logs": logs}
        return sshd.model_copy(update=where)

    return make
