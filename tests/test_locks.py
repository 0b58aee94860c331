"""Locks between processes."""

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.errors import StateTrouble, TryLater
from closedloop.flows.runner import alone
from closedloop.locks import Patience, held
from closedloop.model.job import PullJob, Selection, SendJob
from closedloop.state import StateFolder

HOLD = """
import sys, time
from pathlib import Path
from closedloop.locks import held
with held(Path(sys.argv[1]), "send_newsletter", "another run"):
    print("held", flush=True)
    time.sleep(60)
"""


def sending(name: str, client: str = "de") -> SendJob:
    selection = Selection(file="customers.csv")
    return SendJob(
        name=name, kind="send", client=client, source_mailing=1, consent="newsletter", selection=selection
    )  # fmt: skip


def pulling(name: str) -> PullJob:
    return PullJob(name=name, kind="pull", client="de")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.lock"


@pytest.fixture
def holder(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:  # noqa: S603 - ours  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_lock_that_is_held_is_told_at_once_with_its_holder(
    path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    began = time.monotonic()
    with pytest.raises(TryLater) as raised, held(path, "pull", "another run"):
        pass
    assert time.monotonic() - began < 1
    assert raised.value.exit_code == 75
    assert re.fullmatch(
        rf"pull: another run is under way \(send_newsletter, process {holder.pid}, since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\); nothing was done",
        str(raised.value),
    )


def test_the_kernel_releases_the_lock_of_a_process_that_was_killed(
    path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    holder.kill()
    holder.wait()
    with held(path, "pull", "another run"):
        assert path.read_text() == f"pull, process {os.getpid()}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_that_is_let_go_in_time_is_taken(
    path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    def let_go(_seconds: float) -> None:
        holder.kill()
        holder.wait()

    with held(path, "pull", "another run", Patience(5, let_go)):
        pass


def test_a_lock_on_a_disk_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the place of the folder")
    with (
        pytest.raises(StateTrouble, match="can't be locked: Not a directory") as raised,
        held(tmp_path / "locks" / "some.lock", "pull", "another run"),
    ):
        pass
    assert raised.value.exit_code == 75


@pytest.mark.parametrize(
    ("second", "words"),
    [
        pytest.param(sending("one"), "one: another run of this job is under way", id="same job"),
        pytest.param(
            sending("two"), "two: another send job of the client 'de' is under way", id="two sends"
        ),
        pytest.param(pulling("pull"), None, id="a pull beside a send"),
        pytest.param(sending("three", "at"), None, id="another client"),
        pytest.param(sending("send"), "another send job of the client", id="a job called send"),
    ],
)
def test_what_would_hurt_each_other_is_not_run_at_once(
    second: SendJob | PullJob, words: str | None, tmp_path: Path
) -> None:
    state = StateFolder(tmp_path / "var")
    with alone(sending("one"), state):
        if words is None:
            with alone(second, state):
                return
        with pytest.raises(TryLater, match=words), alone(second, state):
            pass
