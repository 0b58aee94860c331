"""A platform that misbehaves: for each way of it, what the client does and what the operator reads."""

import os
import re
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from tenacity import wait_none

from closedloop import errors
from closedloop.emulator.config import Config
from closedloop.emulator.configfile import misbehaviour
from closedloop.emulator.misbehaviour import DEEDS, REFUSALS, REQUESTS, Fault, Misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errors import ClosedLoopError, NotThere, OutcomeUnknown, RemoteError
from closedloop.model.settings import Client
from closedloop.remote.base import Remote
from closedloop.remote.patience import Patience
from closedloop.remote.retrying import RetryingRemote
from closedloop.remote.sftp import SftpRemote

ROWS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("hostile.toml").read_text(encoding="utf-8")
)["row"]
SENDING = [row for row in ROWS if row["operation"].startswith("publish")]

WAVE = "20261120070000_subscribers.csv"
CONTENT = bytes(range(250)) * 8_000
LONGEST_SECONDS = 15

# The first lets a busy machine answer in time; the second is for a server that will not.
PATIENT = Patience(connect_seconds=5, login_seconds=10, idle_seconds=10)
BRIEF = Patience(connect_seconds=5, login_seconds=3, idle_seconds=1.2)


@dataclass(frozen=True)
class Stage:
    """The platform's folders, with a file to fetch and a staged wave, and a place on this side."""

    platform: Platform
    key: Path
    here: Path

    @property
    def incoming(self) -> Path:
        return self.platform.places.upload(self.platform.config.clients[0])

    @property
    def outgoing(self) -> Path:
        return self.platform.places.download(self.platform.config.clients[0])

    def tidy(self) -> None:
        taken = self.platform.places.taken(self.platform.config.clients[0])
        for folder in (self.incoming, self.outgoing, taken):
            for path in folder.iterdir():
                path.unlink()
        (self.outgoing / "opens.csv").write_bytes(CONTENT)
        (self.incoming / "wave.tmp").write_bytes(CONTENT)
        (self.here / "source").write_bytes(CONTENT)

    def client(self) -> Client:
        settings = tomllib.loads(self.platform.places.client_settings.read_text())["clients"]["de"]
        # An RSA key costs a tenth of a second at each log-in.
        return Client(**{**settings, "key": str(self.key)})

    def remote(self, patience: Patience = PATIENT, client: Client | None = None) -> Remote:
        inner = SftpRemote(client or self.client(), self.here, os.environ.get, patience, "de")
        return RetryingRemote(inner, wait=wait_none(), sleep=lambda _: None)

    def left(self) -> str:
        staged, published = (self.incoming / name for name in ("wave.tmp", WAVE))
        if staged.exists():
            return "both" if published.exists() else "staged"
        return "published" if published.exists() else "neither"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    platform = Platform(tmp_path_factory.mktemp("hostile"), Config())
    with Server(platform):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(platform.places.keys / "quick"))
        with (platform.places.keys / "de_rsa.pub").open("ab") as allowed:
            allowed.write(key.export_public_key())
    return platform


@pytest.fixture
def stage(platform: Platform, tmp_path: Path) -> Stage:
    stage = Stage(platform, platform.places.keys / "quick", tmp_path)
    stage.tidy()
    return stage


def listing(remote: Remote, _: Stage) -> None:
    listed = {file.name: file.size for file in remote.listing("/outgoing")}
    assert listed["opens.csv"] == len(CONTENT)
    assert all(name.isprintable() and "/" not in name for name in listed)


def find(remote: Remote, _: Stage) -> None:
    found = remote.find("/outgoing/opens.csv")
    assert found
    assert found.size == len(CONTENT)


def fetch(remote: Remote, stage: Stage, name: str = "opens.csv") -> None:
    [file] = [each for each in remote.listing("/outgoing") if each.name == name]
    target = stage.here / name
    target.unlink(missing_ok=True)
    try:
        remote.fetch("/outgoing", file, target)
    except ClosedLoopError:
        assert not target.exists()
        raise
    assert target.read_bytes() == CONTENT


def fetch_gone(remote: Remote, stage: Stage) -> None:
    fetch(remote, stage, "gone.csv")


def store(remote: Remote, stage: Stage) -> None:
    remote.stage(stage.here / "source", "/incoming/new.tmp")
    assert (stage.incoming / "new.tmp").read_bytes() == CONTENT


def store_wave(remote: Remote, stage: Stage) -> None:
    remote.stage(stage.here / "source", f"/incoming/{WAVE}.part")


def find_beside_another(remote: Remote, stage: Stage) -> None:
    with stage.remote() as other:
        find(other, stage)
        find(remote, stage)


def publish(remote: Remote, _: Stage) -> None:
    remote.publish("/incoming/wave.tmp", f"/incoming/{WAVE}")


def publish_taken(remote: Remote, stage: Stage) -> None:
    (stage.incoming / WAVE).write_bytes(b"somebody else's")
    try:
        publish(remote, stage)
    finally:
        assert (stage.incoming / WAVE).read_bytes() == b"somebody else's"


def remove(remote: Remote, stage: Stage) -> None:
    remote.remove("/incoming/wave.tmp")
    assert not (stage.incoming / "wave.tmp").exists()


OPERATIONS: dict[str, Callable[[Remote, Stage], None]] = {
    "list": listing,
    "find": find,
    "find beside another": find_beside_another,
    "fetch": fetch,
    "fetch gone": fetch_gone,
    "stage": store,
    "stage wave": store_wave,
    "publish": publish,
    "publish taken": publish_taken,
    "remove": remove,
}


def patience_for(row: dict[str, Any]) -> Patience:
    stalls = any(
        fault["do"] == "stall" for fault in row["misbehave"].get("faults", []) if "do" in fault
    )
    return BRIEF if stalls else PATIENT


def outcome(operation: str, remote: Remote, stage: Stage) -> ClosedLoopError | None:
    try:
        with remote:
            OPERATIONS[operation](remote, stage)
    except ClosedLoopError as error:
        return error
    return None


def sentence(error: object) -> str:
    text = re.sub(r"127\.0\.0\.1:\d+", "SERVER", str(error))
    return re.sub(r"SHA256:\S+(?=;)", "FINGERPRINT", text)


@pytest.mark.parametrize("row", ROWS, ids=[row["behaviour"] for row in ROWS])
def test_a_server_that(row: dict[str, Any], stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with Server(stage.platform, 0, misbehaviour(row["misbehave"])):
        error = outcome(row["operation"], stage.remote(patience_for(row)), stage)
    told = [
        sentence(record.message.partition("trying again: ")[2])
        for record in caplog.records
        if record.name.startswith("closedloop")
    ]
    if error is None:
        assert row["outcome"] == "done"
    else:
        told.append(sentence(error))
        assert isinstance(error, getattr(errors, row["outcome"])), told
        assert getattr(error, "transient", False) == row.get("transient", False)
    assert len(told) - bool(error) == row.get("tries", 1) - 1
    assert set(told) <= set(row.get("sentences", ()))
    assert stage.left() == row.get("left", stage.left())
    assert time.monotonic() - started < LONGEST_SECONDS


@pytest.mark.parametrize("row", SENDING, ids=[row["behaviour"] for row in SENDING])
def test_nothing_but_done_or_unknown_is_said_of_a_wave_that_went_out(row: dict[str, Any]) -> None:
    may_have_gone_out = row["left"] in ("published", "neither")
    assert not may_have_gone_out or row["outcome"] in ("done", "OutcomeUnknown", "NotThere")


@pytest.mark.parametrize("code", REFUSALS)
def test_a_rename_is_never_taken_for_undone_because_the_server_says_no(
    stage: Stage, code: str
) -> None:
    lying = Misbehaviour(faults=(Fault(do=code, when="after"),))
    with Server(stage.platform, 0, lying), stage.remote() as remote, pytest.raises(OutcomeUnknown):
        publish(remote, stage)
    assert stage.left() == "published"


@pytest.mark.parametrize("request_kind", ["open", "read", "write", "close", "stat", "fstat"])
def test_no_status_makes_half_a_file_a_whole_one(stage: Stage, request_kind: str) -> None:
    with Server(stage.platform, 0) as server, stage.remote() as remote:
        for code in ("eof", "no_such_file", "failure"):
            for act in (fetch, store):
                (stage.incoming / "new.tmp").unlink(missing_ok=True)
                server.misbehave = Misbehaviour(faults=(Fault(request_kind, code, nth=2),))
                # What is said to be done they compare byte by byte.
                with suppress(RemoteError, NotThere):
                    act(remote, stage)


def test_a_wrong_key_is_shown_to_the_server_once_however_often_we_ask(stage: Stage) -> None:
    strict = Misbehaviour(lock_after=3)
    with Server(stage.platform, 0, strict):
        wrong = stage.here / "wrong"
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(wrong))
        remote = stage.remote(client=stage.client().model_copy(update={"key": str(wrong)}))
        for _ in range(8):
            error = outcome_of_listing(remote, stage)
            assert "refused the log-in of 'de'; it is not tried again" in str(error)
        remote.close()
        with stage.remote() as again:
            listing(again, stage)


def test_an_account_that_was_locked_is_told_as_a_refused_log_in(stage: Stage) -> None:
    with Server(stage.platform, 0, Misbehaviour(lock_after=3)) as server:
        wrong = stage.here / "wrong"
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(wrong))
        stranger = stage.client().model_copy(update={"key": str(wrong)})
        for _ in range(3):
            with stage.remote(client=stranger) as remote:
                assert isinstance(outcome_of_listing(remote, stage), RemoteError)
        with stage.remote() as remote:
            error = outcome_of_listing(remote, stage)
        assert "refused the log-in" in str(error)
        assert "Compare clients.de.user and clients.de.key" in str(error)
        server.misbehave = None
        with stage.remote() as remote:
            listing(remote, stage)


def outcome_of_listing(remote: Remote, stage: Stage) -> ClosedLoopError:
    with pytest.raises(ClosedLoopError) as caught:
        listing(remote, stage)
    return caught.value


def test_a_host_key_that_changes_between_two_connections_ends_the_talk(stage: Stage) -> None:
    with Server(stage.platform, 0) as server, stage.remote() as remote:
        listing(remote, stage)
        server.misbehave = Misbehaviour(new_host_key=True)
        listing(remote, stage)
        remote.close()
        error = outcome_of_listing(remote, stage)
        assert "shows a host key we don't know" in str(error)


def test_a_truncated_upload_is_not_there_to_be_published(stage: Stage) -> None:
    lossy = Misbehaviour(truncate_uploads=1_000_000)
    with Server(stage.platform, 0, lossy) as server, stage.remote() as remote:
        for _ in range(2):
            remote.remove("/incoming/new.tmp")
            with pytest.raises(RemoteError, match="stored 1000000 of 2000000"):
                store(remote, stage)
        server.misbehave = None
        remote.remove("/incoming/new.tmp")
        store(remote, stage)


def test_a_server_that_stores_less_and_swears_otherwise_is_beyond_us(stage: Stage) -> None:
    # Only reading the file back would tell; the wave's confirmation names who was not seen.
    lying = Misbehaviour(truncate_uploads=1_000_000, size_off=1_000_000, lie_in="stat")
    with Server(stage.platform, 0, lying), stage.remote() as remote:
        remote.stage(stage.here / "source", "/incoming/new.tmp")
    assert (stage.incoming / "new.tmp").stat().st_size == 1_000_000


def test_every_deed_and_every_knob_is_tried() -> None:
    faults = [fault for row in ROWS for fault in row["misbehave"].get("faults", [])]
    assert {fault.get("do", "cut") for fault in faults} == set(DEEDS)
    assert {fault["request"] for fault in faults} | {"fstat"} == set(REQUESTS)
    knobs = {knob for row in ROWS for knob in row["misbehave"]}
    assert knobs | {"lock_after"} == {each.name for each in fields(Misbehaviour)}
