"""OpenSSH's own server on 127.0.0.1, for contenders that fetch and send."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel FATAL
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up: who may log in with which key, and the key by which it is known. It shows the whole disk."""

    port: int
    user: str
    key: Path
    host_key: str
    known_hosts: Path

    def sftp(self, batch: Path) -> list[str]:
        """Return the command by which OpenSSH's own client carries out a file of commands here."""
        options = ("-q", "-i", str(self.key), "-P", str(self.port), "-b", str(batch))
        trust = ("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "IdentitiesOnly=yes")
        return ["sftp", *options, "-F", "none", *trust, f"{self.user}@127.0.0.1"]


@contextmanager
def sshd() -> Iterator[Server]:
    """Start a server with keys of its own, and end it."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="sshd-") as name:
        folder = Path(name)
        # RSA for the user, in the older format: not each contender reads another.
        _make_key(folder / "user_key", "-t", "rsa", "-b", "3072", "-m", "PEM")
        _make_key(folder / "host_key", "-t", "ed25519")
        host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}\n")
        (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
        with subprocess.Popen([_binary(), "-D", "-e", "-f", folder / "config"]) as server:  # noqa: S603  OpenSSH's own
            try:
                _await(port, server)
                user = pwd.getpwuid(os.geteuid()).pw_name
                yield Server(port, user, folder / "user_key", host_key, known_hosts)
            finally:
                server.terminate()


def _binary() -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    if (found := shutil.which("sshd", path=path)) is None:
        raise SystemExit("these benchmarks need OpenSSH's server: apt install openssh-server")
    if os.geteuid() == 0:
        # Where sshd locks itself in; the system makes it only when it starts the service itself.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return found


def _make_key(path: Path, *options: str) -> None:
    command = ["ssh-keygen", "-q", "-N", "", "-C", "", "-f", str(path), *options]
    subprocess.run(command, check=True)  # noqa: S603  OpenSSH's own


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("sshd did not start; what it said is above")
