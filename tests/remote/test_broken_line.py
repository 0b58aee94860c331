"""A line that breaks or falls silent in the middle of something."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from tenacity import wait_none

from closedloop.errors import OutcomeUnknown, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.model.settings import Client
from closedloop.remote.base import Remote
from closedloop.remote.patience import USUAL, Patience
from closedloop.remote.retrying import RetryingRemote
from closedloop.remote.sftp import SftpRemote

# The second lets a busy machine answer in time before it falls silent; the first need not.
IMPATIENT = Patience(login_seconds=0.5, idle_seconds=0.5)
BRIEF = Patience(idle_seconds=2)
MEGABYTE = 1024 * 1024


class Wire(Protocol):
    """The line in the middle."""

    port: int
    received: int

    def break_after(
        self, received: float = ..., answers: float = ..., *, silently: bool = ...
    ) -> None: ...
    def mend(self) -> None: ...
    def fall_silent(self) -> None: ...
    def trickle(self) -> None: ...


@pytest.fixture
def client(client_on: Callable[[Path], Client], wire: Wire, tmp_path: Path) -> Client:
    return client_on(tmp_path / "remote").model_copy(update={"port": wire.port})


@pytest.fixture
def big(client: Client) -> RemoteFile:
    path = Path(client.download) / "big.csv"
    path.write_bytes(os.urandom(8 * MEGABYTE))
    changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    return RemoteFile("big.csv", path.stat().st_size, changed)


def over(client: Client, patience: Patience = USUAL) -> SftpRemote:
    return SftpRemote(client, Path("/"), os.environ.get, patience)


def retried(client: Client, wire: Wire) -> RetryingRemote:
    """Try again over a line that was mended in the meantime."""
    return RetryingRemote(over(client), wait=wait_none(), sleep=lambda _: wire.mend())


def list_on(remote: Remote, client: Client) -> None:
    for _ in range(100):
        remote.listing(client.download)


def fetch(remote: Remote, client: Client, file: RemoteFile, target: Path) -> None:
    remote.fetch(client.download, file, target)
    assert target.read_bytes() == (Path(client.download) / file.name).read_bytes()


def test_a_fetch_goes_on_where_it_was_cut(
    client: Client, wire: Wire, big: RemoteFile, tmp_path: Path
) -> None:
    target = tmp_path / "big.csv"
    with over(client) as remote:
        remote.listing(client.download)
        wire.break_after(3 * MEGABYTE)
        with pytest.raises(RemoteError) as caught:
            fetch(remote, client, big, target)
        assert caught.value.transient
        assert not target.exists()
        kept = target.with_name("big.csv.part").stat().st_size
        wire.mend()
        before = wire.received
        fetch(remote, client, big, target)
    assert kept > MEGABYTE
    assert wire.received - before < big.size - kept + MEGABYTE
    assert [path.name for path in tmp_path.glob("big.csv*")] == ["big.csv"]


def test_a_part_of_an_earlier_file_is_not_continued(
    client: Client, wire: Wire, big: RemoteFile, tmp_path: Path
) -> None:
    target = tmp_path / "big.csv"
    with over(client) as remote:
        remote.listing(client.download)
        wire.break_after(3 * MEGABYTE)
        with pytest.raises(RemoteError):
            fetch(remote, client, big, target)
        wire.mend()
        source = Path(client.download) / "big.csv"
        source.write_bytes(os.urandom(8 * MEGABYTE))
        os.utime(source, (1_800_000_000, 1_800_000_000))
        restated = remote.find(f"{client.download}/big.csv")
        assert restated
        fetch(remote, client, restated, target)


def test_bytes_that_a_power_cut_may_have_spoilt_are_fetched_again(
    client: Client, wire: Wire, big: RemoteFile, tmp_path: Path
) -> None:
    target = tmp_path / "big.csv"
    with over(client) as remote:
        remote.listing(client.download)
        wire.break_after(3 * MEGABYTE)
        with pytest.raises(RemoteError):
            fetch(remote, client, big, target)
        wire.mend()
        with target.with_name("big.csv.part").open("ab") as part:
            part.write(bytes(MEGABYTE))
        fetch(remote, client, big, target)


@pytest.mark.parametrize("note", ["", "{}", "[]", '"x"', '{"safe": "many"}', '{"safe": -1}'])
def test_a_part_with_a_spoilt_note_is_fetched_from_the_start(
    client: Client, big: RemoteFile, tmp_path: Path, note: str
) -> None:
    target = tmp_path / "big.csv"
    target.with_name("big.csv.part").write_bytes(b"anything")
    target.with_name("big.csv.part.json").write_text(note)
    with over(client) as remote:
        fetch(remote, client, big, target)


def test_a_retried_fetch_survives_a_cut_by_itself(
    client: Client, wire: Wire, big: RemoteFile, tmp_path: Path
) -> None:
    with retried(client, wire) as remote:
        remote.listing(client.download)
        wire.break_after(3 * MEGABYTE)
        fetch(remote, client, big, tmp_path / "big.csv")


@pytest.mark.parametrize("received", [0, 10, 200, 1200, 1700, 2100, 2500, 3000, 5000])
def test_a_line_cut_anywhere_is_an_error_that_names_the_server(
    client: Client, wire: Wire, received: int
) -> None:
    wire.break_after(received)
    with over(client) as remote, pytest.raises(RemoteError, match=r"127\.0\.0\.1:"):
        list_on(remote, client)


@pytest.mark.parametrize("received", [0, 10, 200, 1200, 1700, 2100, 2500, 3000, 5000])
def test_a_peer_that_falls_silent_anywhere_is_given_up(
    client: Client, wire: Wire, received: int
) -> None:
    wire.break_after(received, silently=True)
    started = time.monotonic()
    with (
        over(client, IMPATIENT) as remote,
        pytest.raises(RemoteError, match="fell silent") as caught,
    ):
        list_on(remote, client)
    assert caught.value.transient
    assert time.monotonic() - started < 20


def test_a_peer_that_stops_reading_is_given_up(client: Client, wire: Wire, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(64 * MEGABYTE))
    with over(client, BRIEF) as remote:
        remote.listing(client.upload)
        wire.fall_silent()
        with pytest.raises(RemoteError, match="fell silent") as caught:
            remote.stage(source, f"{client.upload}/a.tmp")
    assert caught.value.transient


def test_the_first_call_after_a_break_connects_anew(client: Client, wire: Wire) -> None:
    with over(client) as remote:
        remote.listing(client.download)
        wire.break_after(0)
        with pytest.raises(RemoteError):
            remote.listing(client.download)
        wire.mend()
        assert remote.listing(client.download) == []


def test_a_rename_whose_answer_is_lost_has_an_unknown_outcome(client: Client, wire: Wire) -> None:
    (Path(client.upload) / "a.tmp").write_text("x")
    with over(client) as remote:
        remote.listing(client.upload)
        wire.break_after(answers=1)
        with pytest.raises(OutcomeUnknown, match="may or may not have happened"):
            remote.publish(f"{client.upload}/a.tmp", f"{client.upload}/a.csv")
        wire.mend()
        assert [file.name for file in remote.listing(client.upload)] == ["a.csv"]


def test_a_rename_into_silence_has_an_unknown_outcome(client: Client, wire: Wire) -> None:
    (Path(client.upload) / "a.tmp").write_text("x")
    with over(client, BRIEF) as remote:
        remote.listing(client.upload)
        wire.break_after(answers=1, silently=True)
        with pytest.raises(OutcomeUnknown):
            remote.publish(f"{client.upload}/a.tmp", f"{client.upload}/a.csv")


def test_a_break_before_the_rename_is_an_ordinary_error(client: Client, wire: Wire) -> None:
    (Path(client.upload) / "a.tmp").write_text("x")
    with over(client) as remote:
        remote.listing(client.upload)
        wire.break_after(answers=0)
        with pytest.raises(RemoteError) as caught:
            remote.publish(f"{client.upload}/a.tmp", f"{client.upload}/a.csv")
    assert not isinstance(caught.value, OutcomeUnknown)
    assert [path.name for path in Path(client.upload).iterdir()] == ["a.tmp"]


def test_a_lost_rename_is_not_tried_again(client: Client, wire: Wire) -> None:
    (Path(client.upload) / "a.tmp").write_text("x")
    with retried(client, wire) as remote:
        remote.listing(client.upload)
        wire.break_after(answers=1)
        with pytest.raises(OutcomeUnknown):
            remote.publish(f"{client.upload}/a.tmp", f"{client.upload}/a.csv")


def test_a_staging_that_was_cut_is_done_anew(client: Client, wire: Wire, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(8 * MEGABYTE))

    def cut_midway(done: int, whole: int) -> None:
        if whole // 4 < done < whole // 2 and not tries:
            wire.break_after(0)
            tries.append(done)

    tries: list[int] = []
    with retried(client, wire) as remote:
        remote.stage(source, f"{client.upload}/a.tmp", cut_midway)
    assert tries
    assert (Path(client.upload) / "a.tmp").read_bytes() == source.read_bytes()


def test_a_peer_that_says_a_byte_now_and_then_is_given_up_and_not_asked_again(
    client: Client, wire: Wire, big: RemoteFile, tmp_path: Path
) -> None:
    slow = Patience(idle_seconds=5, act_seconds=0.2, slowest_bytes_per_second=big.size / 0.3)
    waits: list[float] = []
    with RetryingRemote(over(client, slow), sleep=waits.append) as remote:
        remote.listing(client.download)
        wire.trickle()
        began = time.monotonic()
        with pytest.raises(RemoteError, match="answers too slowly") as caught:
            fetch(remote, client, big, tmp_path / "big.csv")
    assert 0.4 < time.monotonic() - began < 4
    assert not caught.value.transient
    assert "slowest_bytes_per_second" in str(caught.value)
    assert waits == []


@pytest.mark.parametrize("act", ["listing", "find", "remove"])
def test_a_short_act_has_its_time_as_well(client: Client, wire: Wire, act: str) -> None:
    slow = Patience(idle_seconds=5, act_seconds=0.3)
    with over(client, slow) as remote:
        remote.listing(client.download)
        wire.trickle()
        with pytest.raises(RemoteError, match="answers too slowly"):
            getattr(remote, act)(client.download)


def test_a_large_file_has_the_time_that_its_size_takes() -> None:
    assert Patience(act_seconds=300, slowest_bytes_per_second=10_000).act(10**9) == 100_300
