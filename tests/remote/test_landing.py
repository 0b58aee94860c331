"""A landing that is broken off at the worst moment: what is kept is what came, and nothing twice."""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from closedloop.model.file import RemoteFile
from closedloop.remote.aside import Aside
from closedloop.remote.landing import landing

MEGABYTE = 1024 * 1024
DATA = b"".join(number.to_bytes(8, "big") for number in range(4 * MEGABYTE // 8))
FILE = RemoteFile("a.csv", len(DATA), datetime(2026, 11, 20, tzinfo=UTC))
BLOCK = 32 * 1024


def fetch(target: Path) -> str:
    with landing(target, "/a.csv", FILE) as place:
        for start in range(place.done, len(DATA), BLOCK):
            place.write(memoryview(DATA)[start : start + BLOCK])
        return place.land()


def kept(target: Path) -> bytes:
    note = json.loads(target.with_name("a.csv.part.json").read_text(encoding="utf-8"))
    return target.with_name("a.csv.part").read_bytes()[: note["safe"]]


@pytest.mark.parametrize("is_taken", [True, False])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_an_end_while_bytes_are_handed_over_keeps_them_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int, *, is_taken: bool
) -> None:
    real, turns = Aside.do, iter(range(1, 100))

    def ended(writer: Aside, act: Callable[[], object]) -> None:
        is_now = next(turns) == turn
        if is_taken or not is_now:
            real(writer, act)
        if is_now:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Aside, "do", ended)
        with pytest.raises(SystemExit):
            fetch(tmp_path / "a.csv")

    assert kept(tmp_path / "a.csv") == DATA[: (turn if is_taken else turn - 1) * MEGABYTE]
    assert fetch(tmp_path / "a.csv") == hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "a.csv").read_bytes() == DATA


@pytest.fixture
def after() -> Iterator[Callable[[float], object]]:
    """End us by a signal after so many seconds."""

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit

    before = signal.signal(signal.SIGALRM, end)
    yield partial(signal.setitimer, signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_end_at_any_moment_leaves_a_part_that_is_gone_on_with(
    tmp_path: Path, after: Callable[[float], object]
) -> None:
    for turn in range(40):
        target = tmp_path / str(turn) / "a.csv"
        target.parent.mkdir()
        with pytest.raises(SystemExit):
            _fetch_until_ended(target, partial(after, 0.0001 + turn * 0.0002))
        assert DATA.startswith(kept(target))
        assert fetch(target) == hashlib.sha256(DATA).hexdigest()


def _fetch_until_ended(target: Path, begin: Callable[[], object]) -> None:
    with landing(target, "/a.csv", FILE) as place:
        begin()
        for start in range(0, len(DATA), BLOCK):
            place.write(memoryview(DATA)[start : start + BLOCK])
        # `signal.pause` would sleep on where the signal came just before it.
        for _ in range(500):
            time.sleep(0.01)
