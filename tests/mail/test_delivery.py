"""Letters reach a real mail server, each once, or wait on disk; no server holds or fails a run."""

import os
import re
import shutil
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from closedloop.locks import held
from closedloop.mail.mailer import PAUSE_SECONDS, SpooledMailer
from closedloop.mail.spool import MAX_AGE_SECONDS
from closedloop.model.letter import Letter
from closedloop.state import StateFolder

Opening = Callable[..., Any]
Mailing = Callable[..., SpooledMailer]
PASSWORD = "open sesame"  # noqa: S105 the post office's magic words


def kept(state: StateFolder) -> list[Path]:
    return sorted((state.root / "mail").glob("*.eml"))


@pytest.fixture
def nobody() -> Iterator[int]:
    """Return a port that nobody listens at."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_letter_arrives_as_html_and_as_text(
    opened: Opening, mailing: Mailing, letter: Letter, state: StateFolder
) -> None:
    office = opened()
    assert mailing(office.port, language="de").post(replace(letter, subject="Grüße\nan alle"))
    ((recipient, message),) = office.got
    assert recipient == "ops@example.com"
    assert message["Subject"] == "Grüße an alle"
    assert message["From"] == "closedloop <closedloop@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == letter.written
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        content = re.sub("</?span.*?>", "", message.get_body((kind,)).get_content())
        assert f"closedloop --project {state.root.parent} status" in content
        assert content.count(f"{socket.gethostname()}: {state.root.parent}") == 1
    assert "X-Closedloop-Recipient" not in message
    assert kept(state) == []


def test_each_recipient_gets_a_letter_though_one_is_refused(
    opened: Opening, mailing: Mailing, letter: Letter, state: StateFolder
) -> None:
    office = opened()
    office.refused["gone@example.com"] = "450 come back later"
    mailer = mailing(office.port, to=("gone@example.com", "Ops <ops@example.com>"))
    mailer.post(letter)
    assert [to for to, _ in office.got] == ["ops@example.com"]
    assert len(kept(state)) == 1
    office.refused.clear()
    mailer.flush()
    assert [to for to, _ in office.got] == ["ops@example.com", "gone@example.com"]
    assert len({message["Message-ID"] for _, message in office.got}) == 1


def test_a_server_that_is_away_gets_all_letters_later_oldest_first_and_once(
    opened: Opening, mailing: Mailing, letter: Letter, nobody: int, state: StateFolder
) -> None:
    for minutes in (5, 0, 10):
        written = letter.written + timedelta(minutes=minutes)
        at = replace(letter, subject=str(minutes), written=written)
        assert mailing(nobody).post(at)
    assert len(kept(state)) == 3
    office = opened()
    mailing(office.port).flush()
    mailing(office.port).flush()
    assert [message["Subject"] for _, message in office.got] == ["0", "5", "10"]
    assert kept(state) == []


def test_a_letter_sent_twice_after_a_crash_has_the_same_id(
    opened: Opening, mailing: Mailing, letter: Letter, nobody: int, state: StateFolder
) -> None:
    mailing(nobody).post(letter)
    (path,) = kept(state)
    shutil.copy(path, path.with_suffix(".saved"))
    office = opened()
    mailing(office.port).flush()
    path.with_suffix(".saved").rename(path)
    mailing(office.port).flush()
    first, second = (message["Message-ID"] for _, message in office.got)
    assert first == second


def test_kept_letters_are_for_their_owner_only(
    mailing: Mailing, letter: Letter, nobody: int, state: StateFolder
) -> None:
    before = os.umask(0)
    try:
        mailing(nobody).post(letter)
    finally:
        os.umask(before)
    (path,) = kept(state)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_waited_too_long_is_dropped(
    opened: Opening, mailing: Mailing, letter: Letter, nobody: int, state: StateFolder
) -> None:
    mailing(nobody).post(letter)
    (old,) = kept(state)
    mailing(nobody).post(replace(letter, subject="new"))
    long_ago = time.time() - MAX_AGE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    office = opened()
    mailing(office.port).flush()
    assert [message["Subject"] for _, message in office.got] == ["new"]


def test_a_damaged_letter_holds_up_no_other(
    opened: Opening, mailing: Mailing, letter: Letter, state: StateFolder
) -> None:
    office = opened()
    (state.root / "mail").mkdir(parents=True)
    (state.root / "mail" / "0.eml").write_bytes(b"nonsense")
    mailing(office.port).post(letter)
    assert len(office.got) == 1
    assert [path.name for path in (state.root / "mail").iterdir()] == []


def test_what_a_killed_run_half_wrote_goes_and_what_is_being_written_stays(
    mailing: Mailing, state: StateFolder
) -> None:
    (state.root / "mail").mkdir(parents=True)
    for name, age in (("left.eml.part", 3600), ("growing.eml.part", 0)):
        path = state.root / "mail" / name
        path.write_bytes(b"half of one")
        os.utime(path, (time.time() - age, time.time() - age))
    mailing(1).flush()
    assert [path.name for path in (state.root / "mail").iterdir()] == ["growing.eml.part"]


def test_a_full_disk_fails_nothing(mailing: Mailing, letter: Letter, state: StateFolder) -> None:
    state.root.mkdir(parents=True)
    (state.root / "mail").write_text("a file where a folder should be")
    assert not mailing(1).post(letter)


def test_letters_wait_while_another_run_delivers(
    opened: Opening, mailing: Mailing, letter: Letter, state: StateFolder
) -> None:
    office = opened()
    with held(state.lock("mail"), "mail", "a test"):
        assert mailing(office.port).post(letter)
    assert office.got == []
    mailing(office.port).flush()
    assert len(office.got) == 1


@pytest.fixture
def dripping() -> Iterator[int]:
    """Return the port of a server that says one letter at a time and never ends its line."""
    door = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError):
            guest, _ = door.accept()
            with guest:
                for _ in range(200):
                    guest.sendall(b"2")
                    time.sleep(0.02)

    thread = threading.Thread(target=drip)
    thread.start()
    yield door.getsockname()[1]
    door.close()
    thread.join()


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a server that takes the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


@pytest.mark.parametrize("server", ["dripping", "silent"])
def test_a_server_that_stalls_holds_a_run_for_a_bounded_time(
    server: str,
    request: pytest.FixtureRequest,
    mailing: Mailing,
    letter: Letter,
    state: StateFolder,
) -> None:
    port = request.getfixturevalue(server)
    began = time.monotonic()
    assert mailing(port, limit_seconds=0.5).post(letter)
    assert time.monotonic() - began < 2
    assert len(kept(state)) == 1


def test_starttls_is_used_and_verified(
    opened: Opening, mailing: Mailing, letter: Letter, authority: Any
) -> None:
    office = opened(tls_context=authority.context)
    url = f"smtp://localhost:{office.port}"
    mailing(office.port, url=url, starttls="required").post(letter)
    assert office.got == []
    mailing(office.port, url=url, starttls="required", ca=str(authority.ca)).flush()
    assert office.encrypted == [True]


def test_nothing_is_said_to_a_server_without_the_tls_it_must_have(
    opened: Opening, mailing: Mailing, letter: Letter, state: StateFolder
) -> None:
    office = opened()
    mailing(office.port, starttls="required").post(letter)
    assert office.got == []
    assert len(kept(state)) == 1


def test_smtps_is_encrypted_from_the_start(
    opened: Opening, mailing: Mailing, letter: Letter, authority: Any
) -> None:
    office = opened(ssl_context=authority.context)
    url = f"smtps://127.0.0.1:{office.port}"
    mailing(office.port, url=url, ca=str(authority.ca)).post(letter)
    assert len(office.got) == 1


@pytest.mark.parametrize("source", ["password_env", "password_file", "password_credential"])
def test_a_password_comes_from_where_it_is_kept(
    source: str, opened: Opening, mailing: Mailing, letter: Letter, authority: Any, tmp_path: Path
) -> None:
    office = opened(tls_context=authority.context, with_log_in=True)
    (tmp_path / "credentials").mkdir()
    for path in (tmp_path / "secret", tmp_path / "credentials" / "secret"):
        path.write_text(f"{PASSWORD}\n")
    environ = {"secret": PASSWORD, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    given = {"user": "robot", "ca": str(authority.ca), source: "secret"}
    mailing(office.port, environ, **given).post(letter)
    assert [user for user, _ in office.log_ins] == ["robot"]
    assert len(office.got) == 1


def test_a_refused_log_in_is_tried_once_and_not_again_for_a_while(
    opened: Opening, mailing: Mailing, letter: Letter, authority: Any, state: StateFolder
) -> None:
    office = opened(tls_context=authority.context, with_log_in=True)
    given = {"user": "robot", "ca": str(authority.ca), "password_env": "SECRET"}
    wrong = mailing(office.port, {"SECRET": "guessed"}, **given)
    wrong.post(letter)
    wrong.post(letter)
    assert len(office.log_ins) == 1
    (pause,) = (state.root / "mail").glob("log-in-refused")
    long_ago = time.time() - PAUSE_SECONDS - 60
    os.utime(pause, (long_ago, long_ago))
    mailing(office.port, {"SECRET": PASSWORD}, **given).flush()
    assert len(office.got) == 2


def test_without_its_password_nobody_logs_in(
    opened: Opening, mailing: Mailing, letter: Letter, authority: Any
) -> None:
    office = opened(tls_context=authority.context, with_log_in=True)
    given = {"user": "robot", "ca": str(authority.ca), "password_env": "SECRET"}
    mailing(office.port, {}, **given).post(letter)
    assert office.log_ins == []
