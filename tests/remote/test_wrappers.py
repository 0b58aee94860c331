"""Qualities that go round a remote: trying again, and rehearsing."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from tenacity import wait_none

from closedloop.errors import AlreadyThere, NotThere, OutcomeUnknown, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.remote.base import NotAsListed, Progress, Remote, quiet
from closedloop.remote.dry import Act, DryRemote
from closedloop.remote.memory import LONG_AGO, MemoryRemote
from closedloop.remote.retrying import RetryingRemote


class Shaky(MemoryRemote):
    """Fails so many times, at whatever it is asked to do, before it works."""

    def __init__(self, faults: list[Exception]) -> None:
        super().__init__()
        self.faults = faults

    def listing(self, folder: str) -> list[RemoteFile]:
        self._fail()
        return super().listing(folder)

    def find(self, path: str) -> RemoteFile | None:
        self._fail()
        return super().find(path)

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        self._fail()
        return super().fetch(folder, file, target, progress)

    def remove(self, path: str) -> None:
        self._fail()
        super().remove(path)

    def publish(self, staged: str, path: str) -> None:
        self._fail()
        super().publish(staged, path)

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


class HalfStaging(MemoryRemote):
    """Breaks in the middle of staging, once, after a part is there."""

    broke = False

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        super().stage(source, path, progress)
        if not self.broke:
            self.broke = True
            self.put(path, b"half")
            raise RemoteError("the line broke", transient=True)


def shaken(times: int) -> list[Exception]:
    return [RemoteError("the line broke", transient=True) for _ in range(times)]


def patient(inner: Remote) -> RetryingRemote:
    return RetryingRemote(inner, wait=wait_none(), sleep=lambda _: None)


Acting = Callable[[Remote, Path], object]
ACTS = {
    "listing": lambda remote, _: remote.listing("/outgoing"),
    "find": lambda remote, _: remote.find("/outgoing/a.csv"),
    "fetch": lambda remote, here: remote.fetch(
        "/outgoing", RemoteFile("a.csv", 3, LONG_AGO), here / "a.csv"
    ),
    "remove": lambda remote, _: remote.remove("/outgoing/a.csv"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_transient_fault_is_tried_again(
    act: Acting, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = Shaky(shaken(3))
    inner.put("/outgoing/a.csv", b"123")
    act(patient(inner), tmp_path)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_trying_again_has_an_end(act: Acting, tmp_path: Path) -> None:
    inner = Shaky(shaken(9))
    with pytest.raises(RemoteError, match="the line broke"):
        act(patient(inner), tmp_path)
    assert len(inner.faults) == 5


@pytest.mark.parametrize(
    "fault",
    [
        RemoteError("refused the log-in"),
        NotThere("nowhere"),
        NotAsListed("/outgoing/a.csv"),
        OutcomeUnknown("lost"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_can_not_get_better_is_not_tried_again(fault: Exception) -> None:
    inner = Shaky([fault, *shaken(1)])
    with pytest.raises(type(fault)):
        patient(inner).listing("/outgoing")
    assert len(inner.faults) == 1


def test_publishing_is_never_tried_again() -> None:
    inner = Shaky(shaken(1))
    inner.put("/incoming/a.tmp", b"")
    with pytest.raises(RemoteError):
        patient(inner).publish("/incoming/a.tmp", "/incoming/a.csv")
    assert inner.find("/incoming/a.csv") is None


def test_the_wait_is_told_to_whoever_waits() -> None:
    waits: list[float] = []
    remote = RetryingRemote(Shaky(shaken(3)), sleep=waits.append)
    remote.listing("/outgoing")
    assert len(waits) == 3
    assert waits == sorted(waits)


def test_a_half_staged_file_is_removed_and_staged_anew(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"whole")
    inner = HalfStaging()
    patient(inner).stage(source, "/incoming/a.tmp")
    assert inner.read("/incoming/a.tmp") == b"whole"


def test_a_name_taken_by_somebody_else_is_left_alone(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"ours")
    inner = HalfStaging()
    inner.put("/incoming/a.tmp", b"theirs")
    with pytest.raises(AlreadyThere):
        patient(inner).stage(source, "/incoming/a.tmp")
    assert inner.read("/incoming/a.tmp") == b"theirs"


def test_a_rehearsal_reads_in_earnest(tmp_path: Path) -> None:
    inner = MemoryRemote()
    inner.put("/outgoing/a.csv", b"123")
    with DryRemote(inner) as dry:
        [file] = dry.listing("/outgoing")
        assert dry.find("/outgoing/a.csv") == file
        dry.fetch("/outgoing", file, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"123"


def test_a_rehearsal_changes_nothing_and_says_what_it_would_have_done(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"x")
    inner = MemoryRemote()
    inner.put("/incoming/old.csv", b"")
    dry = DryRemote(inner)
    dry.stage(source, "/incoming/a.tmp")
    dry.publish("/incoming/a.tmp", "/incoming/a.csv")
    dry.remove("/incoming/old.csv")
    assert [file.name for file in inner.listing("/incoming")] == ["old.csv"]
    assert dry.acts == [
        Act("stage", "/incoming/a.tmp", str(source)),
        Act("publish", "/incoming/a.csv", "/incoming/a.tmp"),
        Act("remove", "/incoming/old.csv"),
    ]


def test_a_rehearsal_refuses_a_taken_name(tmp_path: Path) -> None:
    inner = MemoryRemote()
    inner.put("/incoming/a.csv", b"")
    dry = DryRemote(inner)
    with pytest.raises(AlreadyThere):
        dry.publish("/incoming/a.tmp", "/incoming/a.csv")
    with pytest.raises(AlreadyThere):
        dry.stage(tmp_path / "a", "/incoming/a.csv")
