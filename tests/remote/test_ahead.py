"""Files fetched ahead by processes of their own: in which order, over how many connections, and what becomes of them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from closedloop.errors import LogInRefused, NotThere, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.model.settings import Client
from closedloop.remote.ahead import AheadRemote
from closedloop.remote.base import NotAsListed
from closedloop.remote.landing import landing
from closedloop.remote.patience import USUAL
from closedloop.remote.porter import Porter, orders
from closedloop.remote.sftp import SftpRemote, open_remote

MEGABYTE = 1024 * 1024
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Listed = list[tuple[RemoteFile, Path]]


class OtherServer(Protocol):
    password_tries: list[str]

    def client(self) -> Client: ...


class Wire(Protocol):
    port: int
    received: int

    def break_after(self, received: float = ..., *, silently: bool = ...) -> None: ...
    def mend(self) -> None: ...


@pytest.fixture
def client(client_on: Callable[[Path], Client], tmp_path: Path) -> Client:
    return client_on(tmp_path / "remote")


def porters(of: int | None = None) -> list[int]:
    """Return the processes that a process started to fetch with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            words = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == (of or os.getpid()) and state != "Z" and b"errands" in words:
            found.append(int(path.parent.name))
    return found


@contextmanager
def ahead(client: Client, most: int = 2, worth_bytes: int = 0) -> Iterator[AheadRemote]:
    inner = SftpRemote(client, Path("/"), os.environ.get)
    words = orders(client, Path("/"), os.environ.get, USUAL, "de")
    with AheadRemote(inner, lambda: Porter(words), most, worth_bytes) as remote:
        yield remote


def delivered(client: Client, remote: AheadRemote, here: Path, sizes: list[int]) -> Listed:
    """Put files on the server and return what it lists, each with a place for it here."""
    for number, size in enumerate(sizes):
        (Path(client.download) / f"{number}.csv").write_bytes(os.urandom(size))
    here.mkdir()
    return [(file, here / file.name) for file in remote.listing(client.download)]


def until(holds: Callable[[], object]) -> None:
    due = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < due
        time.sleep(0.02)


def test_the_next_file_comes_while_nobody_asks_for_it(client: Client, tmp_path: Path) -> None:
    with ahead(client) as remote:
        files = delivered(client, remote, tmp_path / "here", [MEGABYTE, 2 * MEGABYTE, 0])
        remote.expect(client.download, files)
        until(lambda: all(target.exists() for _, target in files))
        for file, target in files:
            remote.fetch(client.download, file, target)
            assert target.read_bytes() == (Path(client.download) / file.name).read_bytes()
    assert porters() == []


def test_what_is_expected_once_more_goes_on_where_it_is(client: Client, tmp_path: Path) -> None:
    with ahead(client) as remote:
        files = delivered(client, remote, tmp_path / "here", [10, 20, MEGABYTE])
        remote.expect(client.download, files)
        while not files[0][1].exists():
            time.sleep(0.01)
        before = porters()
        remote.expect(client.download, files[1:])
        for file, target in files:
            remote.fetch(client.download, file, target)
        assert (len(before), porters()) == (2, before)


@pytest.mark.parametrize(("size", "processes"), [(9, 0), (11, 1), (39, 1), (41, 2)])
def test_more_connections_are_made_where_they_pay(
    client: Client, tmp_path: Path, size: int, processes: int
) -> None:
    with ahead(client, worth_bytes=10) as remote:
        files = delivered(client, remote, tmp_path / "here", [1000, size])
        remote.expect(client.download, files)
        for file, target in files:
            remote.fetch(client.download, file, target)
        assert len(porters()) == processes


def test_little_is_fetched_without_another_process(client: Client, tmp_path: Path) -> None:
    with open_remote(client, tmp_path, os.environ.get) as remote:
        (Path(client.download) / "a.csv").write_bytes(b"1")
        (Path(client.download) / "b.csv").write_bytes(b"2")
        files = [(file, tmp_path / file.name) for file in remote.listing(client.download)]
        remote.expect(client.download, files)
        for file, target in files:
            remote.fetch(client.download, file, target)
        assert porters() == []


def test_what_one_file_fails_of_is_told_when_it_is_asked_for(
    client: Client, tmp_path: Path
) -> None:
    with ahead(client) as remote:
        files = delivered(client, remote, tmp_path / "here", [10, 20, 30])
        (Path(client.download) / "0.csv").unlink()
        (Path(client.download) / "1.csv").write_bytes(b"grown, and growing")
        remote.expect(client.download, files)
        with pytest.raises(NotThere, match="listed, but not there"):
            remote.fetch(client.download, *files[0])
        with pytest.raises(NotAsListed, match=r"1\.csv is still being written"):
            remote.fetch(client.download, *files[1])
        remote.fetch(client.download, *files[2])
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["2.csv"]


def test_a_wrong_password_is_tried_once(other_server: OtherServer, tmp_path: Path) -> None:
    client = other_server.client().model_copy(update={"key": None, "password_env": "WORDS"})
    words = orders(client, tmp_path, {"WORDS": "open barley"}.get, USUAL, "de")
    files = [(RemoteFile(name, 1, LONG_AGO), tmp_path / name) for name in "abc"]
    other_server.password_tries.clear()
    inner = SftpRemote(client, tmp_path, os.environ.get)
    with AheadRemote(inner, lambda: Porter(words), 2, worth_bytes=0) as remote:
        remote.expect("/", files)
        for file, target in files:
            with pytest.raises(LogInRefused, match=r"clients\.de\.password_env") as caught:
                remote.fetch("/", file, target)
            assert "barley" not in str(caught.value)
    assert other_server.password_tries == ["somebody"]


def test_where_one_is_let_in_and_no_more_one_does_the_work(client: Client, tmp_path: Path) -> None:
    words = orders(client, Path("/"), os.environ.get, USUAL, "de")
    stranger = orders(
        client.model_copy(update={"user": "nobody"}), Path("/"), os.environ.get, USUAL, "de"
    )
    hired = iter([words, stranger])
    inner = SftpRemote(client, Path("/"), os.environ.get)
    with AheadRemote(inner, lambda: Porter(next(hired)), 2, worth_bytes=0) as remote:
        files = delivered(client, remote, tmp_path / "here", [MEGABYTE] * 4)
        remote.expect(client.download, files)
        for file, target in files:
            remote.fetch(client.download, file, target)
            assert target.stat().st_size == MEGABYTE


def test_a_file_is_fetched_although_its_porter_died(
    client: Client, wire: Wire, tmp_path: Path
) -> None:
    wire.break_after(10 * MEGABYTE, silently=True)
    with ahead(client.model_copy(update={"port": wire.port}), most=1) as remote:
        files = delivered(client, remote, tmp_path / "here", [20 * MEGABYTE])
        remote.expect(client.download, files)
        until(lambda: wire.received > 9 * MEGABYTE)
        [porter] = porters()
        os.kill(porter, signal.SIGKILL)
        wire.mend()
        remote.fetch(client.download, *files[0])
    assert files[0][1].read_bytes() == (Path(client.download) / "0.csv").read_bytes()


def test_an_end_in_the_middle_keeps_what_came_and_says_nothing(
    client: Client, wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wire.break_after(10 * MEGABYTE, silently=True)
    with ahead(client.model_copy(update={"port": wire.port})) as remote:
        files = delivered(client, remote, tmp_path / "here", [20 * MEGABYTE, 20 * MEGABYTE])
        remote.expect(client.download, files)
        until(lambda: wire.received > 9 * MEGABYTE)
        began = time.monotonic()
        remote.close()
    assert time.monotonic() - began < 5
    assert porters() == []
    notes = (tmp_path / "here").glob("*.part.json")
    assert sum(json.loads(note.read_text())["safe"] for note in notes) > MEGABYTE
    assert caplog.records == []


PARENT = """
import os, sys, time
from pathlib import Path
from closedloop.model.settings import Client
from closedloop.remote.sftp import open_remote
client = Client.model_validate_json(sys.argv[1])
remote = open_remote(client, Path("/"), os.environ.get)
files = [(file, Path(sys.argv[2]) / file.name) for file in remote.listing(client.download)]
remote.expect(client.download, files)
time.sleep(60)
"""


def test_a_killed_run_leaves_nobody_who_fetches_on(
    client: Client, wire: Wire, tmp_path: Path
) -> None:
    wire.break_after(30 * MEGABYTE, silently=True)
    there = client.model_copy(update={"port": wire.port})
    with ahead(client) as remote:
        files = delivered(client, remote, tmp_path / "here", [40 * MEGABYTE, 40 * MEGABYTE])
    command = [sys.executable, "-c", PARENT, there.model_dump_json(), str(tmp_path / "here")]
    with subprocess.Popen(command) as parent:  # noqa: S603 - this interpreter
        until(lambda: wire.received > 29 * MEGABYTE)
        started = porters(parent.pid)
        parent.kill()
    assert len(started) == 1
    with ahead(client) as remote:
        remote.expect(client.download, files)
        for file, target in files:
            remote.fetch(client.download, file, target)
            assert target.read_bytes() == (Path(client.download) / file.name).read_bytes()
    until(lambda: not any(Path(f"/proc/{each}").exists() for each in started))


def test_a_part_is_written_by_one_process_at_a_time(client: Client, tmp_path: Path) -> None:
    with ahead(client) as remote:
        [(file, target)] = delivered(client, remote, tmp_path / "here", [10])
        with landing(target, f"{client.download}/{file.name}", file):
            with pytest.raises(RemoteError, match="fetched by another process") as caught:
                SftpRemote(client, Path("/"), os.environ.get).fetch(client.download, file, target)
            assert caught.value.transient
