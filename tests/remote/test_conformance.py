"""One suite for every remote: what `closedloop.remote.base.Remote` promises."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from closedloop.errors import AlreadyThere, ClosedLoopError, NotThere, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.remote.base import NotAsListed, Remote

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
CONTENT = b"a;b\n" * 100_000


class Place(Protocol):
    """A remote with an empty folder, and a way round it."""

    @property
    def remote(self) -> Remote: ...

    @property
    def folder(self) -> str: ...

    def put(self, name: str, content: bytes, modified: datetime) -> None: ...

    def read(self, name: str) -> bytes: ...


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "subscribers.csv"
    path.write_bytes(CONTENT)
    return path


def test_an_empty_folder_lists_nothing(place: Place) -> None:
    assert place.remote.listing(place.folder) == []


def test_a_listing_is_sorted_and_tells_size_and_time(place: Place) -> None:
    place.put("b.csv", b"12345", NOON)
    place.put("a.csv", b"", LATER)
    assert place.remote.listing(place.folder) == [
        RemoteFile("a.csv", 0, LATER),
        RemoteFile("b.csv", 5, NOON),
    ]


def test_a_missing_folder_is_not_there(place: Place) -> None:
    with pytest.raises(NotThere):
        place.remote.listing(f"{place.folder}/nowhere")


def test_a_name_with_other_letters_is_listed_and_found(place: Place) -> None:
    place.put('Grüße; "1".csv', b"x", NOON)
    assert [file.name for file in place.remote.listing(place.folder)] == ['Grüße; "1".csv']
    assert place.remote.find(f'{place.folder}/Grüße; "1".csv')


def test_a_file_is_found_as_it_is_listed(place: Place) -> None:
    place.put("a.csv", CONTENT, NOON)
    assert place.remote.find(f"{place.folder}/a.csv") == RemoteFile("a.csv", len(CONTENT), NOON)


def test_a_missing_file_is_not_found(place: Place) -> None:
    assert place.remote.find(f"{place.folder}/a.csv") is None


def test_a_folder_is_no_file(place: Place) -> None:
    assert place.remote.find(place.folder) is None


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "one byte", "many blocks"])
def test_a_fetched_file_is_whole_and_its_hash_known(
    place: Place, tmp_path: Path, content: bytes
) -> None:
    place.put("a.csv", content, NOON)
    [file] = place.remote.listing(place.folder)
    target = tmp_path / "a.csv"
    digest = place.remote.fetch(place.folder, file, target)
    assert target.read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_fetched_file_is_for_its_owner_only_and_leaves_nothing_else(
    place: Place, tmp_path: Path
) -> None:
    place.put("a.csv", CONTENT, NOON)
    landing = tmp_path / "landing"
    landing.mkdir()
    place.remote.fetch(place.folder, RemoteFile("a.csv", len(CONTENT), NOON), landing / "a.csv")
    assert [path.name for path in landing.iterdir()] == ["a.csv"]
    assert (landing / "a.csv").stat().st_mode & 0o777 == 0o600


def test_a_fetched_file_bears_the_time_it_has_on_the_server(place: Place, tmp_path: Path) -> None:
    place.put("a.csv", CONTENT, NOON)
    place.remote.fetch(place.folder, RemoteFile("a.csv", len(CONTENT), NOON), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").stat().st_mtime == NOON.timestamp()


def test_fetching_tells_how_far_it_is(place: Place, tmp_path: Path) -> None:
    place.put("a.csv", CONTENT, NOON)
    told: list[tuple[int, int]] = []
    file = RemoteFile("a.csv", len(CONTENT), NOON)
    place.remote.fetch(
        place.folder, file, tmp_path / "a.csv", lambda done, whole: told.append((done, whole))
    )
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


def test_a_file_that_is_gone_is_not_there(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        place.remote.fetch(place.folder, RemoteFile("a.csv", 3, NOON), tmp_path / "a.csv")
    assert list(tmp_path.glob("a.csv*")) == []


@pytest.mark.parametrize(
    ("content", "modified"),
    [
        pytest.param(b"1234", NOON, id="longer"),
        pytest.param(b"12", NOON, id="shorter"),
        pytest.param(b"123", LATER, id="newer"),
    ],
)
def test_a_file_other_than_the_listed_one_is_left_for_later(
    place: Place, tmp_path: Path, content: bytes, modified: datetime
) -> None:
    place.put("a.csv", content, modified)
    with pytest.raises(NotAsListed, match="still being written; the next run takes it") as caught:
        place.remote.fetch(place.folder, RemoteFile("a.csv", 3, NOON), tmp_path / "a.csv")
    assert caught.value.transient
    assert list(tmp_path.glob("a.csv*")) == []


def test_a_restated_file_replaces_the_one_that_landed(place: Place, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    place.put("a.csv", b"new!", NOON)
    place.remote.fetch(place.folder, RemoteFile("a.csv", 4, NOON), target)
    assert target.read_bytes() == b"new!"


def test_a_landing_that_can_not_be_written_says_so(place: Place, tmp_path: Path) -> None:
    place.put("a.csv", b"123", NOON)
    with pytest.raises(ClosedLoopError, match="can't write") as caught:
        place.remote.fetch(place.folder, RemoteFile("a.csv", 3, NOON), tmp_path / "no" / "a.csv")
    assert not isinstance(caught.value, RemoteError)


def test_a_staged_file_holds_what_was_sent(place: Place, source: Path) -> None:
    place.remote.stage(source, f"{place.folder}/a.tmp")
    assert place.read("a.tmp") == CONTENT


def test_an_empty_file_can_be_staged(place: Place, source: Path) -> None:
    source.write_bytes(b"")
    place.remote.stage(source, f"{place.folder}/a.tmp")
    assert place.read("a.tmp") == b""


def test_staging_tells_how_far_it_is(place: Place, source: Path) -> None:
    told: list[tuple[int, int]] = []
    place.remote.stage(
        source, f"{place.folder}/a.tmp", lambda done, whole: told.append((done, whole))
    )
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_staging_onto_a_taken_name_writes_nothing(place: Place, source: Path) -> None:
    place.put("a.tmp", b"mine", NOON)
    with pytest.raises(AlreadyThere):
        place.remote.stage(source, f"{place.folder}/a.tmp")
    assert place.read("a.tmp") == b"mine"


def test_staging_into_a_missing_folder_is_not_there(place: Place, source: Path) -> None:
    with pytest.raises(NotThere):
        place.remote.stage(source, f"{place.folder}/nowhere/a.tmp")


def test_staging_a_missing_source_says_so_and_sends_nothing(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ClosedLoopError, match="nothing was sent"):
        place.remote.stage(tmp_path / "nothing.csv", f"{place.folder}/a.tmp")
    assert place.remote.listing(place.folder) == []


def test_publishing_renames(place: Place, source: Path) -> None:
    place.remote.stage(source, f"{place.folder}/a.tmp")
    place.remote.publish(f"{place.folder}/a.tmp", f"{place.folder}/a.csv")
    assert [file.name for file in place.remote.listing(place.folder)] == ["a.csv"]
    assert place.read("a.csv") == CONTENT


def test_publishing_onto_a_taken_name_overwrites_nothing(place: Place) -> None:
    place.put("a.tmp", b"new", NOON)
    place.put("a.csv", b"old", NOON)
    with pytest.raises(AlreadyThere):
        place.remote.publish(f"{place.folder}/a.tmp", f"{place.folder}/a.csv")
    assert (place.read("a.tmp"), place.read("a.csv")) == (b"new", b"old")


def test_publishing_what_is_not_staged_is_not_there(place: Place) -> None:
    with pytest.raises(NotThere):
        place.remote.publish(f"{place.folder}/a.tmp", f"{place.folder}/a.csv")


def test_a_removed_file_is_gone(place: Place) -> None:
    place.put("a.csv", b"", NOON)
    place.remote.remove(f"{place.folder}/a.csv")
    assert place.remote.listing(place.folder) == []


def test_removing_a_missing_file_is_no_error(place: Place) -> None:
    place.remote.remove(f"{place.folder}/a.csv")


def test_a_closed_remote_can_be_used_again(place: Place) -> None:
    place.put("a.csv", b"", NOON)
    place.remote.listing(place.folder)
    place.remote.close()
    place.remote.close()
    assert len(place.remote.listing(place.folder)) == 1


def test_a_refusal_does_not_hinder_what_comes_next(place: Place, source: Path) -> None:
    place.put("a.csv", b"", NOON)
    with pytest.raises(NotThere):
        place.remote.listing(f"{place.folder}/nowhere")
    with pytest.raises(AlreadyThere):
        place.remote.stage(source, f"{place.folder}/a.csv")
    assert len(place.remote.listing(place.folder)) == 1
