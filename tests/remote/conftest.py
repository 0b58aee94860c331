"""The kinds of remote that pass the conformance suite, each with a folder to play in."""

import os
import shutil
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import asyncssh
import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.misbehaviour import Misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.model.file import RemoteFile
from closedloop.model.settings import Client
from closedloop.remote.ahead import AheadRemote
from closedloop.remote.base import Progress, Remote, quiet
from closedloop.remote.memory import MemoryRemote
from closedloop.remote.patience import USUAL
from closedloop.remote.porter import Porter, orders
from closedloop.remote.sftp import SftpRemote


class MemoryPlace:
    """A remote in memory, with a folder in it, and how to put files there behind its back."""

    folder = "/outgoing"

    def __init__(self) -> None:
        self.remote = MemoryRemote()

    def put(self, name: str, content: bytes, modified: datetime) -> None:
        """Place a file."""
        self.remote.put(f"{self.folder}/{name}", content, modified)

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return self.remote.read(f"{self.folder}/{name}")


class DiskPlace:
    """A remote whose folder is also one of this disk."""

    def __init__(self, client: Client, folder: str, disk: Path) -> None:
        self.remote: Remote = SftpRemote(client, disk, os.environ.get)
        self.folder = folder
        self._disk = disk

    def put(self, name: str, content: bytes, modified: datetime) -> None:
        """Place a file."""
        (self._disk / name).write_bytes(content)
        os.utime(self._disk / name, (modified.timestamp(), modified.timestamp()))

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        return (self._disk / name).read_bytes()


def _openssh(request: pytest.FixtureRequest, disk: Path) -> DiskPlace:
    return DiskPlace(request.getfixturevalue("sshd"), str(disk), disk)


class Expecting(AheadRemote):
    """Expects each file just before it is fetched, so that all are fetched by porters."""

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Expect it, and fetch it."""
        self.expect(folder, [(file, target)])
        return super().fetch(folder, file, target, progress)


def _porters(request: pytest.FixtureRequest, disk: Path) -> DiskPlace:
    client = request.getfixturevalue("sshd")
    place = DiskPlace(client, str(disk), disk)
    words = orders(client, disk, os.environ.get, USUAL, "de")
    place.remote = Expecting(place.remote, lambda: Porter(words), 2, worth_bytes=0)
    return place


def _asyncssh(request: pytest.FixtureRequest, disk: Path) -> DiskPlace:
    return DiskPlace(request.getfixturevalue("other_server").client(), str(disk), disk)


def _emulator(request: pytest.FixtureRequest, _: Path) -> DiskPlace:
    return _on_platform(request.getfixturevalue("platform_server"), Misbehaviour())


def _odd(request: pytest.FixtureRequest, _: Path) -> DiskPlace:
    return _on_platform(request.getfixturevalue("platform_server"), ODD)


def _chatty(request: pytest.FixtureRequest, _: Path) -> DiskPlace:
    return _on_platform(request.getfixturevalue("platform_server"), CHATTY)


def _on_platform(server: Server, asked: Misbehaviour) -> DiskPlace:
    platform = server.platform
    server.misbehave = asked
    disk = platform.places.download(platform.config.clients[0])
    for left in disk.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    settings = tomllib.loads(platform.places.client_settings.read_text())["clients"]["de"]
    quick = {**settings, "key": str(platform.places.keys / "quick")}
    return DiskPlace(Client(**quick), "/outgoing", disk)


@pytest.fixture(scope="session")
def platform_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The emulated platform, serving."""
    platform = Platform(tmp_path_factory.mktemp("platform"), Config())
    with Server(platform) as server:
        # An RSA key costs a tenth of a second at each log-in.
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(platform.places.keys / "quick"))
        with (platform.places.keys / "de_rsa.pub").open("ab") as allowed:
            allowed.write(key.export_public_key())
        yield server


# What servers may do without breaking a promise: all that has to do with the order and size of answers, and all that
# has to do with the connection.
ODD = Misbehaviour(short_reads=30_000, page=1, bare_names=True, out_of_order=True)
CHATTY = Misbehaviour(noise_lines=40, rekey_bytes=100_000, rename_copies=True)

# A further server joins the conformance suite by a line here.
PLACES = {
    "openssh": _openssh,
    "porters": _porters,
    "asyncssh": _asyncssh,
    "emulator": _emulator,
    "odd emulator": _odd,
    "chatty emulator": _chatty,
}


@pytest.fixture(params=["memory", *PLACES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryPlace | DiskPlace]:
    """Each kind of remote in turn, with an empty folder."""
    if request.param == "memory":
        yield MemoryPlace()
        return
    disk = tmp_path / "remote"
    disk.mkdir()
    with (there := PLACES[request.param](request, disk)).remote:
        yield there
