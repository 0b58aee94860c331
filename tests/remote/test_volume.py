"""Much of it: many names, large files, little memory; and the odd things a real disk holds."""

import hashlib
import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from closedloop.errors import RemoteError
from closedloop.model.file import RemoteFile
from closedloop.model.settings import Client
from closedloop.remote.sftp import SftpRemote

MEGABYTE = 1024 * 1024


@pytest.fixture
def client(client_on: Callable[[Path], Client], tmp_path: Path) -> Client:
    return client_on(tmp_path / "remote")


def connect(client: Client) -> SftpRemote:
    return SftpRemote(client, Path("/"), os.environ.get)


def test_twenty_thousand_names_are_listed(client: Client) -> None:
    for number in range(20_000):
        (Path(client.download) / f"{number:05}.csv").touch()
    with connect(client) as remote:
        names = [file.name for file in remote.listing(client.download)]
    assert names == [f"{number:05}.csv" for number in range(20_000)]


def test_a_large_file_goes_up_and_down_unchanged(client: Client, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(64 * MEGABYTE))
    with connect(client) as remote:
        remote.stage(source, f"{client.upload}/a.csv")
        [file] = remote.listing(client.upload)
        digest = remote.fetch(client.upload, file, tmp_path / "back")
    assert digest == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_large_file_needs_little_memory(client: Client, tmp_path: Path) -> None:
    with (Path(client.download) / "a.csv").open("wb") as file:
        file.truncate(96 * MEGABYTE)
    with connect(client) as remote:
        [listed] = remote.listing(client.download)
        tracemalloc.start()
        remote.fetch(client.download, listed, tmp_path / "a.csv")
        remote.stage(tmp_path / "a.csv", f"{client.upload}/a.csv")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 32 * MEGABYTE


def test_only_plain_files_are_listed(client: Client) -> None:
    folder = Path(client.download)
    (folder / "plain.csv").write_bytes(b"123")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "nowhere.csv").symlink_to(folder / "gone.csv")
    (folder / "to-a-folder.csv").symlink_to(folder / "folder.csv")
    (folder / "link.csv").symlink_to(folder / "plain.csv")
    os.utime(folder / "plain.csv", (1_700_000_000, 1_700_000_000))
    when = datetime.fromtimestamp(1_700_000_000, UTC)
    with connect(client) as remote:
        assert remote.listing(client.download) == [
            RemoteFile("link.csv", 3, when),
            RemoteFile("plain.csv", 3, when),
        ]


def test_a_file_that_grows_while_it_is_fetched_is_left_for_later(
    client: Client, tmp_path: Path
) -> None:
    path = Path(client.download) / "a.csv"
    path.write_bytes(bytes(8 * MEGABYTE))

    def grow(done: int, whole: int) -> None:
        if done > whole // 2:
            with path.open("ab") as file:
                file.write(b"more")

    with connect(client) as remote:
        [listed] = remote.listing(client.download)
        with pytest.raises(RemoteError, match="still being written"):
            remote.fetch(client.download, listed, tmp_path / "a.csv", grow)
    assert list(tmp_path.glob("a.csv*")) == []


def test_a_refusal_says_what_was_refused(client: Client) -> None:
    (Path(client.upload) / "folder").mkdir()
    with (
        connect(client) as remote,
        pytest.raises(RemoteError, match=r"refused to remove .*folder") as caught,
    ):
        remote.remove(f"{client.upload}/folder")
    assert not caught.value.transient
