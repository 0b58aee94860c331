import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.configfile import misbehaviour
from closedloop.emulator.misbehaviour import DEEDS, REQUESTS, Fault, Misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errors import ProjectError, RemoteError
from closedloop.model.settings import Client
from closedloop.remote.sftp import SftpRemote

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
WAVE = "20261120070000_subscribers.csv"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return Platform(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def settings(platform: Platform) -> Iterator[Path]:
    path = platform.places.settings
    before = path.read_text()
    yield path
    path.write_text(before)


@pytest.fixture
def server(platform: Platform) -> Iterator[Server]:
    with Server(platform, 0) as server:
        yield server


@pytest.fixture
def remote(server: Server) -> Iterator[SftpRemote]:
    places = server.platform.places
    section = tomllib.loads(places.client_settings.read_text())["clients"]["de"]
    for left in places.upload(server.platform.config.clients[0]).iterdir():
        left.unlink()
    with SftpRemote(Client(**section), places.root, os.environ.get) as remote:
        yield remote


def ask(settings: Path, line: str) -> None:
    key = line.partition(" =")[0]
    text = settings.read_text()
    settings.write_text(re.sub(rf"(?m)^{key} = .*$", line, text))


def names(remote: SftpRemote) -> int:
    return len(remote.listing("/outgoing"))


def test_a_server_told_nothing_behaves(remote: SftpRemote) -> None:
    assert names(remote) == 0


def test_an_edit_of_the_file_works_at_the_next_request(remote: SftpRemote, settings: Path) -> None:
    assert names(remote) == 0
    ask(settings, "names = 300")
    assert names(remote) == 300
    ask(settings, "names = 0")
    assert names(remote) == 0


def test_a_file_in_the_middle_of_an_edit_changes_nothing(
    remote: SftpRemote, settings: Path
) -> None:
    ask(settings, "names = 3")
    assert names(remote) == 3
    settings.write_text("[misbehave\n")
    assert names(remote) == 3


def test_what_python_asks_for_takes_the_place_of_the_file(
    server: Server, remote: SftpRemote, settings: Path
) -> None:
    ask(settings, "names = 3")
    server.misbehave = Misbehaviour(names=5)
    assert names(remote) == 5
    server.misbehave = None
    assert names(remote) == 3


def test_a_fault_strikes_the_request_it_names_and_no_other(
    server: Server, remote: SftpRemote
) -> None:
    server.misbehave = Misbehaviour(faults=(Fault("opendir", "failure", nth=3),))
    assert names(remote) == names(remote) == 0
    with pytest.raises(RemoteError):
        names(remote)
    assert names(remote) == 0


def test_asking_again_counts_again(server: Server, remote: SftpRemote) -> None:
    asked = Misbehaviour(faults=(Fault("opendir", "failure"),))
    for _ in range(2):
        server.misbehave = asked
        with pytest.raises(RemoteError):
            names(remote)
        assert names(remote) == 0


def test_an_edit_elsewhere_in_the_file_does_not_count_again(
    remote: SftpRemote, settings: Path
) -> None:
    ask(settings, 'faults = [{ request = "opendir", do = "failure" }]')
    with pytest.raises(RemoteError):
        names(remote)
    ask(settings, "import_minutes = 5")
    assert names(remote) == 0


def test_an_upload_taken_in_at_once_is_mailed_once(
    make: Callable[..., Platform], lines: Callable[..., bytes], start: datetime, tmp_path: Path
) -> None:
    platform = make(Config(misbehave=Misbehaviour(import_at_once=True)))
    (tmp_path / "wave").write_bytes(lines(["anna@example.com"]))
    with Server(platform):
        section = tomllib.loads(platform.places.client_settings.read_text())["clients"]["de"]
        with SftpRemote(Client(**section), tmp_path, os.environ.get) as remote:
            remote.stage(tmp_path / "wave", "/incoming/wave.tmp")
            remote.publish("/incoming/wave.tmp", f"/incoming/{WAVE}")
            assert remote.listing("/incoming") == []
    [result] = platform.tick(start)
    assert (result.upload, result.outcome, result.mailed) == (WAVE, "sent", 1)
    assert platform.tick(start + timedelta(minutes=10)) == []
    assert platform.record().mailed("de") == {20261120070000: {"anna@example.com": 1}}


def test_a_rename_may_replace_a_file_where_that_is_asked_for(
    server: Server, remote: SftpRemote
) -> None:
    incoming = server.platform.places.upload(server.platform.config.clients[0])
    (incoming / WAVE).write_bytes(b"old")
    (incoming / "new.tmp").write_bytes(b"new")
    # The client looks before it renames, so it must be lied to as well.
    server.misbehave = Misbehaviour(overwrite=True, faults=(Fault("lstat", "no_such_file"),))
    remote.publish("/incoming/new.tmp", f"/incoming/{WAVE}")
    assert (incoming / WAVE).read_bytes() == b"new"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"nmaes": 3}, "misbehave.nmaes: 'nmaes' is not known; did you mean", id="key"),
        pytest.param({"names": "x"}, "misbehave.names: needs a value like 0", id="type"),
        pytest.param({"names": -1}, "misbehave.names: a number from 0 on", id="negative"),
        pytest.param({"lie_in": "stats"}, "did you mean 'stat'?", id="lie"),
        pytest.param({"faults": 3}, "misbehave.faults: a list", id="no list"),
        pytest.param({"faults": [3]}, "misbehave.faults: must be a table", id="no table"),
        pytest.param({"faults": [{"request": "renam"}]}, "did you mean 'rename'?", id="request"),
        pytest.param({"faults": [{"do": "cutt"}]}, "did you mean 'cut'?", id="deed"),
        pytest.param({"faults": [{"when": "later"}]}, "did you mean 'after'?", id="moment"),
        pytest.param({"faults": [{"nth": -1}]}, "count from 1", id="count"),
        pytest.param({"faults": [{"byte": 9}]}, "only a 'read' or a 'write'", id="no bytes"),
        pytest.param(
            {"faults": [{"request": "connect", "do": "eof"}]},
            "'cut' or 'stall' only",
            id="no refusal",
        ),
        pytest.param(
            {"faults": [{"request": "opendir", "do": "stall"}]}, "stall 'readdir'", id="no stall"
        ),
        pytest.param(
            {"faults": [{"request": "stat", "do": "pretend"}]}, "can be pretended", id="no pretence"
        ),
    ],
)
def test_a_wrong_wish_is_refused_with_the_right_word(given: dict[str, object], words: str) -> None:
    with pytest.raises(ProjectError) as caught:
        misbehaviour(given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "word", [each.name for kind in (Misbehaviour, Fault) for each in fields(kind)]
)
def test_every_knob_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_every_request_and_deed_is_named() -> None:
    assert [word for word in (*REQUESTS, *DEEDS) if f"`{word}`" not in PAGE] == []


def test_the_examples_of_the_page_are_understood() -> None:
    examples = re.findall(r"(?m)^    \[misbehave\]\n((?:    .*\n)+)", PAGE)
    assert examples
    for example in examples:
        assert misbehaviour(tomllib.loads(re.sub("(?m)^    ", "", example))) != Misbehaviour()


def test_the_commented_file_names_every_knob(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    section = platform.places.settings.read_text().partition("[misbehave]")[2]
    assert [each.name for each in fields(Misbehaviour) if each.name not in section] == []
    assert platform.config.misbehave == Misbehaviour()
