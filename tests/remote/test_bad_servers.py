"""Servers that act otherwise than they answer."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import asyncssh
import pytest

from closedloop.errors import AlreadyThere, ClosedLoopError, NotThere, OutcomeUnknown, RemoteError
from closedloop.model.settings import Client
from closedloop.remote.sftp import SftpRemote

Rename = Callable[[bytes, bytes], None]


class OtherServer(Protocol):
    """The server that can be told to play tricks."""

    tricks: dict[str, Callable[..., None]]

    def client(self) -> Client: ...


@pytest.fixture
def tricks(other_server: OtherServer) -> Iterator[dict[str, Callable[..., None]]]:
    yield other_server.tricks
    other_server.tricks.clear()


@pytest.fixture
def remote(other_server: OtherServer, tmp_path: Path) -> Iterator[SftpRemote]:
    (tmp_path / "a.tmp").write_text("ours")
    with SftpRemote(other_server.client(), tmp_path, os.environ.get) as remote:
        yield remote


def publish(remote: SftpRemote, folder: Path) -> None:
    remote.publish(f"{folder}/a.tmp", f"{folder}/a.csv")


def overwrite(old: bytes, new: bytes) -> None:
    Path(os.fsdecode(old)).replace(os.fsdecode(new))


def rename_and_deny(old: bytes, new: bytes) -> None:
    overwrite(old, new)
    raise asyncssh.SFTPFailure("no")


def lose_and_deny(old: bytes, _: bytes) -> None:
    Path(os.fsdecode(old)).unlink()
    raise asyncssh.SFTPFailure("no")


def let_another_in_and_deny(_: bytes, new: bytes) -> None:
    Path(os.fsdecode(new)).write_text("theirs")
    raise asyncssh.SFTPFailure("no")


def forbid(_: bytes, __: bytes) -> None:
    raise asyncssh.SFTPPermissionDenied("no")


def lose_the_disk(_: bytes, __: bytes) -> None:
    raise asyncssh.SFTPConnectionLost("the storage behind is gone")


def test_a_server_that_would_overwrite_is_not_asked_to(
    remote: SftpRemote, tricks: dict[str, Rename], tmp_path: Path
) -> None:
    tricks["rename"] = overwrite
    (tmp_path / "a.csv").write_text("theirs")
    with pytest.raises(AlreadyThere):
        publish(remote, tmp_path)
    assert (tmp_path / "a.csv").read_text() == "theirs"


@pytest.mark.parametrize(
    ("rename", "error"),
    [
        pytest.param(rename_and_deny, OutcomeUnknown, id="does it and says no"),
        pytest.param(lose_the_disk, OutcomeUnknown, id="lost what is behind it"),
        pytest.param(lose_and_deny, NotThere, id="lost the staged file"),
        pytest.param(let_another_in_and_deny, AlreadyThere, id="another was faster"),
    ],
)
def test_a_refused_rename_is_looked_into(
    remote: SftpRemote,
    tricks: dict[str, Rename],
    tmp_path: Path,
    rename: Rename,
    error: type[Exception],
) -> None:
    tricks["rename"] = rename
    with pytest.raises(error):
        publish(remote, tmp_path)


def test_a_forbidden_rename_is_a_plain_refusal(
    remote: SftpRemote, tricks: dict[str, Rename], tmp_path: Path
) -> None:
    tricks["rename"] = forbid
    with pytest.raises(RemoteError, match=r"refused to rename .* permission denied") as caught:
        publish(remote, tmp_path)
    assert not isinstance(caught.value, OutcomeUnknown)


def test_bytes_the_server_loses_are_noticed(
    remote: SftpRemote, tricks: dict[str, Callable[..., None]], tmp_path: Path
) -> None:
    tricks["write"] = lambda *_: None
    with pytest.raises(RemoteError, match=r"stored 0 of 4 bytes"):
        remote.stage(tmp_path / "a.tmp", f"{tmp_path}/b.tmp")


def test_a_source_that_changes_while_it_is_sent_is_noticed(
    remote: SftpRemote, tmp_path: Path
) -> None:
    source = tmp_path / "growing"
    source.write_bytes(bytes(1_000_000))

    def grow(done: int, whole: int) -> None:
        if done < whole:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(ClosedLoopError, match="changed while it was sent"):
        remote.stage(source, f"{tmp_path}/b.tmp", grow)
