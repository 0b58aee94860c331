"""A state folder whose disk is full, read-only, or gone: a sentence, exit 75, and nothing lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from closedloop.errors import StateTrouble
from closedloop.model.run import RunReport
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk
from tests.flows.told import pulled, sent

ROWS = 3000
ROOMY = 200_000

Mount = Callable[[Path, int], None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Lay a disk of so many kilobytes over a folder, with what is in it."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    laid: list[Path] = []

    def lay(folder: Path, kilobytes: int) -> None:
        kept = folder.with_name(f"{folder.name}.kept")
        shutil.copytree(folder, kept)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603 - ours
            pytest.skip("this machine mounts no small disk")
        laid.append(folder)
        shutil.copytree(kept, folder, dirs_exist_ok=True)

    yield lay
    for folder in laid:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607 - ours


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)  # noqa: S603, S607 - ours


def used(folder: Path) -> int:
    """Return the kilobytes that a folder takes."""
    return sum(path.stat().st_blocks for path in folder.rglob("*")) // 2


def unsubscribes(rows: int, mailing: int = 44) -> bytes:
    return LEFT + b"".join(
        f"{mailing};{n};9;kundin{n}@example.com;2026-11-19 12:00:00\n".encode() for n in range(rows)
    )


def trouble(act: Callable[[], RunReport]) -> str | None:
    try:
        act()
    except StateTrouble as error:
        return str(error)
    return None


@pytest.mark.parametrize("room", [0, 100, 200, 400, 900])
def test_a_pull_that_finds_the_disk_full_goes_on_once_there_is_room(
    desk: Desk, mount: Mount, room: int
) -> None:
    var = desk.root / "var"
    desk.put("20261119_unsubscribes.csv", unsubscribes(ROWS))
    desk.put("20261120_unsubscribes.csv", unsubscribes(ROWS, 45))
    mount(var, used(var) + room)
    said = trouble(desk.pull)
    assert "make room" in str(said)
    remount(var, f"size={ROOMY}k")
    pulled(desk.pull("2026-11-20T12:10"))
    assert desk.rows("select count(*) n from unsubscribes") == [{"n": 2 * ROWS}]
    assert desk.left("landing") == []
    assert len(desk.left("archive")) == 2


@pytest.mark.parametrize("room", [0, 80, 160, 240])
def test_a_send_that_finds_the_disk_full_mails_once_when_there_is_room(
    desk: Desk, mount: Mount, room: int
) -> None:
    var = desk.root / "var"
    desk.customers(*(f"kundin{n}@example.com" for n in range(ROWS)))
    mount(var, used(var) + room)
    said = trouble(desk.send)
    assert "make room" in str(said)
    remount(var, f"size={ROOMY}k")
    assert sent(desk.send("2026-11-24T06:10")).outcome == "sent"
    assert len(desk.uploads()) == 1
    assert desk.left("outbox") == []


def test_a_read_only_state_folder_is_told_and_nothing_is_lost(desk: Desk, mount: Mount) -> None:
    var = desk.root / "var"
    desk.put("20261120_unsubscribes.csv", unsubscribes(3))
    mount(var, ROOMY)
    remount(var, "ro")
    for act in (desk.pull, desk.send):
        assert "Read-only file system" in str(trouble(act)) or "readonly" in str(trouble(act))
    remount(var, "rw")
    desk.pull()
    assert desk.rows("select count(*) n from unsubscribes") == [{"n": 3}]


def test_a_state_folder_that_is_a_file_is_told(desk: Desk) -> None:
    shutil.rmtree(desk.root / "var")
    (desk.root / "var").write_text("")
    assert "mend the rights" in str(trouble(desk.pull))
