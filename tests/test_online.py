"""check --online against real servers: what it prints, what it leaves behind, and how it exits."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from closedloop.cli import cli, outcome
from closedloop.emulator.config import Config
from closedloop.emulator.configfile import misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.locks import held
from closedloop.project import load_project
from closedloop.scaffold import emulated, write_project
from closedloop.state import StateFolder

Check = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "platform", Config())


@pytest.fixture
def server(platform: Platform) -> Iterator[Server]:
    with Server(platform) as listening:
        yield listening


@pytest.fixture
def shop(tmp_path: Path, server: Server) -> Path:
    client, section = emulated(server.platform.places.root, None)
    write_project(tmp_path / "shop", client, section, rehearsal=True)
    return tmp_path / "shop"


@pytest.fixture
def check(shop: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Return exit code and checklist: by what was checked, the verdict and its sentence."""

    def run(*words: str) -> tuple[int, dict[str, str]]:
        capsys.readouterr()
        command = ["--project", str(shop), "check", "--online", *words]
        code = outcome(lambda: cli.main(command, standalone_mode=False))
        told = capsys.readouterr()
        assert told.err == ""
        lines = [line for line in told.out.splitlines() if line[:8].rstrip() in VERDICTS]
        return code, {_what(line): f"{line[:6].rstrip()} {_detail(line)}" for line in lines}

    return run


VERDICTS = ("ok", "note", "failed")


def _what(line: str) -> str:
    return line[8:].partition(": ")[0] if line[8:11] != "de:" else line[12:].partition(": ")[0]


def _detail(line: str) -> str:
    return line[line.index(_what(line)) + len(_what(line)) + 2 :]


def edit(root: Path, old: str, new: str) -> None:
    path = root / "closedloop.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_where_all_is_well_each_line_says_so_and_nothing_is_left_behind(
    check: Check, shop: Path, platform: Platform
) -> None:
    code, found = check()
    assert code == 0
    assert list(found) == [
        "state folder", "log-in", "upload /incoming", "clock", "download /outgoing", "errors /errors", "logs /logs",
        "warehouse", "mail",
    ]  # fmt: skip
    assert {line.split()[0] for what, line in found.items() if what != "mail"} == {"ok"}
    assert found["upload /incoming"] == "ok a probe was written, renamed and removed"
    assert found["mail"].startswith("note there is no [mail]")
    assert not list(platform.places.root.rglob("closedloop-check-*"))
    assert sorted(path.name for path in (shop / "var").iterdir()) == ["locks"]


def test_what_lies_in_the_folders_is_counted(check: Check, platform: Platform) -> None:
    outgoing, errors = (next(platform.places.root.rglob(name)) for name in ("outgoing", "errors"))
    for name in ("20261120_clicks.csv", "20261120_opens.csv", "readme.txt"):
        (outgoing / name).touch()
    (errors / "20261120.err").touch()
    _, found = check()
    assert found["download /outgoing"] == "ok 3 files, 2 of them for our pulls"
    assert found["errors /errors"].startswith("ok 1 file: the platform reports trouble")


def test_a_folder_that_is_not_there_is_named_and_the_others_are_looked_at(
    check: Check, platform: Platform
) -> None:
    shutil.rmtree(next(platform.places.root.rglob("outgoing")))
    code, found = check()
    assert code == 1
    assert found["download /outgoing"].startswith("failed ")
    assert "no such file or folder" in found["download /outgoing"]
    assert found["logs /logs"] == "ok 0 files"


def test_a_server_that_is_away_ends_that_clients_list(check: Check, shop: Path) -> None:
    path = shop / "closedloop.toml"
    path.write_text(re.sub(r"(port += )\d+", r"\g<1>1", path.read_text()))
    code, found = check()
    assert code == 69
    assert found["log-in"].startswith("failed can't reach ")
    assert "upload /incoming" not in found
    assert found["warehouse"].startswith("ok not there yet")


def test_another_host_key_is_told_before_anyone_logs_in(check: Check, shop: Path) -> None:
    text = (shop / "closedloop.toml").read_text()
    known = next(word for word in text.split('"') if word.startswith("ssh-"))
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdGSwfRFPLsEbkBhwGfCFmGKUbdKrcRDXcLDWmYYQyz"
    edit(shop, known, other)
    code, found = check()
    assert code == 69
    assert "shows a host key we don't know" in found["log-in"]


def new_key(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def test_a_refused_log_in_suspends_nothing_and_says_what_would(check: Check, shop: Path) -> None:
    project = load_project(shop)
    new_key(project.root / str(project.client("de").key))
    code, found = check()
    assert code == 69
    assert "refused the log-in of 'de'" in found["log-in"]
    assert "the next run of pull_responses or send_newsletter would try it, too" in found["log-in"]
    assert not (shop / "var" / "errors").exists()


def test_after_a_run_was_refused_nobody_logs_in_unless_told_to(check: Check, shop: Path) -> None:
    project = load_project(shop)
    key = project.root / str(project.client("de").key)
    good = key.read_bytes()
    new_key(key)
    command = ["--project", str(shop), "run", "pull_responses"]
    assert outcome(lambda: cli.main(command, standalone_mode=False)) == 69
    key.write_bytes(good)
    code, found = check()
    assert code == 75
    assert found["log-in"].startswith("failed not tried: it was refused at ")
    assert "closedloop restart pull_responses" in found["log-in"]
    code, found = check("--log-in")
    assert (code, found["log-in"].split()[0]) == (0, "ok")


def test_while_a_send_is_under_way_no_probe_is_written(check: Check, shop: Path) -> None:
    with held(StateFolder(shop / "var").client_lock("de", "send"), "send_newsletter", "x"):
        code, found = check()
    assert code == 0
    assert found["upload /incoming"].startswith("note not tried: check: a send job of the client")
    assert found["download /outgoing"].startswith("ok")


def test_a_state_folder_that_is_gone_is_not_made(check: Check, shop: Path) -> None:
    shutil.rmtree(shop / "var")
    code, found = check()
    assert code == 75
    assert "the state folder is not there, or empty" in found["state folder"]
    assert found["upload /incoming"].startswith("failed ")
    assert found["download /outgoing"].startswith("ok")
    assert not (shop / "var").exists()


def test_clocks_that_are_apart_are_noted(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    command = ["--project", str(shop), "--now", ahead, "check", "--online"]
    assert outcome(lambda: cli.main(command, standalone_mode=False)) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if ": clock: " in line]
    assert line.startswith("note ")
    assert "seconds behind ours: the names of waves hold our time" in line


def test_log_in_alone_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--project", str(shop), "check", "--log-in"]
    assert outcome(lambda: cli.main(command, standalone_mode=False)) == 2
    assert capsys.readouterr().err == "closedloop: --log-in belongs to --online\n"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"request": "open", "do": "permission_denied"}, "refused to create"),
        ({"request": "rename", "do": "permission_denied"}, "refused to rename"),
        ({"request": "rename", "do": "permission_denied", "when": "after"}, "no clear answer"),
    ],
)
def test_rights_that_are_lacking_are_named_and_no_probe_stays(
    check: Check, server: Server, platform: Platform, fault: dict[str, str], words: str
) -> None:
    server.misbehave = misbehaviour({"faults": [fault]})
    code, found = check()
    assert code == 69
    assert found["upload /incoming"].startswith("failed ")
    assert words in found["upload /incoming"]
    assert found["download /outgoing"].startswith("ok")
    assert not list(platform.places.root.rglob("closedloop-check-*"))


def test_a_probe_that_can_not_be_removed_is_named(check: Check, server: Server) -> None:
    server.misbehave = misbehaviour(
        {"faults": [{"request": "remove", "do": "permission_denied", "nth": 0}]}
    )
    code, found = check()
    assert code == 69
    assert "the probe may lie there as /incoming/closedloop-check-" in found["upload /incoming"]


def test_a_log_in_is_tried_once(check: Check, shop: Path, server: Server) -> None:
    project = load_project(shop)
    key = project.root / str(project.client("de").key)
    good = key.read_bytes()
    new_key(key)
    server.misbehave = misbehaviour({"lock_after": 2})
    assert "refused the log-in" in check()[1]["log-in"]
    key.write_bytes(good)
    assert check()[0] == 0
