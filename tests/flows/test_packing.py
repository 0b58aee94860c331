"""What packing while other files are loaded promises: nothing that fails is passed over."""

from pathlib import Path

import pytest

from closedloop.errors import StateTrouble
from closedloop.flows.packing import Packing


def test_what_is_packed_is_gone_from_its_place_at_the_end(tmp_path: Path) -> None:
    source = tmp_path / "clicks.csv"
    source.write_bytes(b"1;2\n" * 1000)
    with Packing() as packing:
        packing.pack(source, tmp_path / "clicks.csv.zst")
    assert [path.name for path in tmp_path.iterdir()] == ["clicks.csv.zst"]


def test_what_could_not_be_packed_is_told_at_the_end(tmp_path: Path) -> None:
    with pytest.raises(StateTrouble, match="No such file"), Packing() as packing:
        packing.pack(tmp_path / "gone.csv", tmp_path / "gone.csv.zst")


def test_what_could_not_be_packed_is_told_before_the_next(tmp_path: Path) -> None:
    with Packing() as packing:
        packing.pack(tmp_path / "gone.csv", tmp_path / "gone.csv.zst")
        with pytest.raises(StateTrouble, match="No such file"):
            packing.pack(tmp_path / "other.csv", tmp_path / "other.csv.zst")


def test_an_error_of_the_run_is_told_and_not_that_of_the_packing(tmp_path: Path) -> None:
    def break_off() -> None:
        with Packing() as packing:
            packing.pack(tmp_path / "gone.csv", tmp_path / "gone.csv.zst")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
