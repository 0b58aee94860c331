"""What goes on beside a load: nothing that fails is passed over, and what is read early is what is read late."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.plan import Planned
from closedloop.errors import FileRefused, StateTrouble
from closedloop.flows.abreast import WORTH_BYTES, Abreast
from closedloop.flows.load import Landed
from closedloop.model.file import FileIdentity, RemoteFile
from closedloop.model.table import Schema
from closedloop.state import StateFolder

DAY = date(2026, 11, 20)
HEAD = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
SCHEMA = Path(__file__).parents[2] / "schemas/unsubscribes.toml"


def beside(state: Path, *files: Planned) -> Abreast:
    return Abreast(files, "de", ZoneInfo("Europe/Berlin"), StateFolder(state))


def rows(*numbers: int) -> bytes:
    return HEAD + b"".join(b"44;%d;9;u;2026-11-19 12:00:00\n" % number for number in numbers)


def landed(root: Path, name: str, content: bytes) -> tuple[Planned, Landed]:
    path = StateFolder(root).landing("de", name)
    path.write_bytes(content)
    found = path.stat()
    schema = Schema.model_validate(tomllib.loads(SCHEMA.read_text()))
    file = RemoteFile(name, found.st_size, datetime.fromtimestamp(int(found.st_mtime), UTC))
    what = FileIdentity("de", schema.name, name, DAY, file.size, file.modified, "0" * 64)
    return Planned(file, schema, DAY, None), Landed(path, what, schema)


def numbers(abreast: Abreast, file: Landed) -> list[int]:
    """Return what is found in a file, as a load takes it."""
    found = abreast.read(file)
    return [n for each in found for n in each.checked.accepted["mailing_to_user_id"]]


def test_each_file_is_read_whole_whether_it_lay_there_before_its_turn_or_not(
    tmp_path: Path,
) -> None:
    contents = [rows(1), rows(2, 3), rows(*range(4, 3000)), rows(3000), rows()]
    files = [landed(tmp_path, f"{n}.csv", content) for n, content in enumerate(contents)]
    late = files[2][1].path
    late.rename(tmp_path / "late")
    with beside(tmp_path, *(planned for planned, _ in files)) as abreast:
        before = [numbers(abreast, file) for _, file in files[:2]]
        (tmp_path / "late").rename(late)
        after = [numbers(abreast, file) for _, file in files[2:]]
    assert [*before, *after] == [[1], [2, 3], [*range(4, 3000)], [3000], []]


def test_a_file_that_is_refused_is_so_in_its_turn(tmp_path: Path) -> None:
    contents = [rows(1), HEAD.replace(b"\n", b";reason\n"), rows(2)]
    files = [landed(tmp_path, f"{n}.csv", content) for n, content in enumerate(contents)]
    with beside(tmp_path, *(planned for planned, _ in files)) as abreast:
        assert numbers(abreast, files[0][1]) == [1]
        with pytest.raises(FileRefused):
            numbers(abreast, files[1][1])
        assert numbers(abreast, files[2][1]) == [2]


def test_what_was_read_early_and_not_loaded_ends_with_the_loads(tmp_path: Path) -> None:
    files = [landed(tmp_path, f"{n}.csv", rows(n)) for n in range(3)]
    with beside(tmp_path, *(planned for planned, _ in files)) as abreast:
        assert numbers(abreast, files[0][1]) == [0]


def large(root: Path) -> Path:
    """Return a file that is packed in a thread."""
    path = root / "large.csv"
    with path.open("wb") as stream:
        stream.truncate(WORTH_BYTES)
    return path


@pytest.mark.parametrize("size", [10, WORTH_BYTES])
def test_what_is_packed_is_gone_from_its_place_at_the_end(tmp_path: Path, size: int) -> None:
    source = tmp_path / "clicks.csv"
    source.write_bytes(b"1" * size)
    with beside(tmp_path) as abreast:
        abreast.pack(source, tmp_path / "clicks.csv.zst")
    assert [path.name for path in tmp_path.iterdir()] == ["clicks.csv.zst"]


def test_what_could_not_be_packed_is_told_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(StateTrouble, match="No such file"), beside(tmp_path) as abreast:
        abreast.pack(large(tmp_path), tmp_path / "no folder" / "large.csv.zst")


def test_what_could_not_be_packed_is_told_before_the_next(tmp_path: Path) -> None:
    with beside(tmp_path) as abreast:
        abreast.pack(large(tmp_path), tmp_path / "no folder" / "large.csv.zst")
        with pytest.raises(StateTrouble, match="no folder"):
            abreast.pack(large(tmp_path), tmp_path / "large.csv.zst")


def test_an_error_of_the_run_is_told_and_not_that_of_the_packing(tmp_path: Path) -> None:
    def break_off() -> None:
        with beside(tmp_path) as abreast:
            abreast.pack(large(tmp_path), tmp_path / "no folder" / "large.csv.zst")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
