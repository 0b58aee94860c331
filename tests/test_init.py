"""`init` on a terminal: real questions on a pty, real servers whose host keys are fetched."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errors import RemoteError
from closedloop.model.settings import Client
from closedloop.project import Project, load_project
from closedloop.remote.hostkeys import host_keys
from closedloop.remote.patience import Patience

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A command on a terminal of its own, and somebody who types."""

    def __init__(self, *words: str, folder: Path) -> None:
        self._side, other = pty.openpty()
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "closedloop", *words],
            stdin=other,
            stdout=other,
            stderr=other,
            cwd=folder,
            env={**os.environ, "TZ": "Europe/Vienna"},
        )
        os.close(other)
        self.seen = ""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._side)

    def await_words(self, words: str) -> None:
        """Wait until these words are shown, after those that were awaited before."""
        while (at := self.seen.find(words, self._read)) < 0:
            assert self._look(), f"no {words!r} in {self.seen}"
        self._read = at + len(words)

    def answer(self, question: str, text: str = "") -> None:
        """Wait for a question and type a line."""
        self.await_words(question)
        os.write(self._side, f"{text}\n".encode())

    def interrupt(self, question: str) -> int:
        """Press Ctrl-C at a question and return the exit code."""
        self.await_words(question)
        # A signal between readline's prompt and its wait is seen with the next one.
        while self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=3)
        return self.end()

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        while self._look():
            pass
        return self._process.wait(timeout=30)

    def _look(self) -> bool:
        ready, _, _ = select.select([self._side], [], [], 30)
        try:
            data = os.read(self._side, 4096) if ready else b""
        except OSError:
            # Nobody holds the other side any more.
            data = b""
        self.seen += ESCAPES.sub("", data.decode()).replace("\r\n", "\n")
        return bool(data)


Init = Callable[..., Terminal]


@pytest.fixture
def init(tmp_path: Path) -> Iterator[Init]:
    """Start `init shop` with options, on a terminal."""
    begun: list[Terminal] = []

    def start(*options: str) -> Terminal:
        begun.append(Terminal("init", "shop", *options, folder=tmp_path))
        return begun[-1]

    yield start
    for terminal in begun:
        terminal.__exit__()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return tmp_path / "shop"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Client]:
    with Server(Platform(tmp_path / "platform", Config())) as server:
        yield Client.model_validate(
            {
                "host": "127.0.0.1",
                "port": server.port,
                "user": "de",
                "key": "unused",
                "host_keys": tuple(key.line for key in host_keys("127.0.0.1", server.port)),
            }
        )


@pytest.fixture(params=["emulator", "sshd"])
def server(request: pytest.FixtureRequest) -> Client:
    found: Client = request.getfixturevalue(request.param)
    return found


AT_ONCE = ("--user", "r_shop", "--key", "keys/id", "--upload", "/in", "--download", "/out")


THE_REST = (
    ("User [r_example]: ", "r_shop"),
    ("Log in with (key, password) [key]: ", "password"),
    ("Variable [CLOSEDLOOP_AT_PASSWORD]: ", ""),
    ("Upload folder [/incoming]: ", "/import"),
    ("Download folder [/outgoing]: ", " "),
    ("Error folder: ", "/errors"),
    ("Log folder: ", "/protocols"),
    ("Time zone [Europe/Vienna]: ", ""),
    ("Mail reports to: ", "ops@example.com, anna@example.com"),
    ("Mail server [smtp://localhost]: ", "smtps://mail.example.com"),
    ("Mail user: ", "closedloop@example.com"),
    ("Mail variable [CLOSEDLOOP_MAIL_PASSWORD]: ", "SMTP_PASSWORD"),
    ("Language [en]: ", "de"),
)


def test_all_answers_stand_in_a_project_that_is_sound(init: Init, shop: Path, sshd: Client) -> None:
    terminal = init()
    terminal.answer("Client [de]: ", "at")
    terminal.answer("Host [sftp.example.com]: ", sshd.host)
    terminal.answer("Port [22]: ", f" {sshd.port} ")
    terminal.answer("Is this their key? [y/N]: ", "y")
    for question, text in THE_REST:
        terminal.answer(question, text)
    assert terminal.end() == 0
    project = load_project(shop)
    client = project.client("at")
    assert (client.host, client.port, client.host_keys) == (sshd.host, sshd.port, sshd.host_keys)
    assert (client.user, client.key, client.password_env) == (
        "r_shop",
        None,
        "CLOSEDLOOP_AT_PASSWORD",
    )
    assert (client.upload, client.download) == ("/import", "/outgoing")
    assert (client.errors, client.logs) == ("/errors", "/protocols")
    assert client.timezone == "Europe/Vienna"
    assert {job.client for job in project.jobs.values()} == {"at"}
    mail = project.settings.mail
    assert mail
    assert (mail.url, mail.to) == (
        "smtps://mail.example.com",
        ("ops@example.com", "anna@example.com"),
    )
    assert (mail.user, mail.password_env) == ("closedloop@example.com", "SMTP_PASSWORD")
    assert (mail.language, project.settings.page_language) == ("de", "de")
    assert "read -rs SMTP_PASSWORD && export SMTP_PASSWORD" in terminal.seen
    assert "read -rs CLOSEDLOOP_AT_PASSWORD && export CLOSEDLOOP_AT_PASSWORD" in terminal.seen
    assert "closedloop --project shop check --online" in terminal.seen


def answered(init: Init, server: Client, verdict: str, *options: str) -> Terminal:
    """Answer for one server whether its key is the right one, and take what is offered for the rest."""
    terminal = init("--host", server.host, "--port", str(server.port), *AT_ONCE, *options)
    terminal.answer("Client [de]: ")
    for _ in server.host_keys:
        terminal.answer("Is this their key? [y/N]: ", verdict)
    for question in ("Error folder: ", "Time zone [Europe/Vienna]: ", "reports to: ", "[en]: "):
        terminal.answer(question)
    assert terminal.end() == 0
    return terminal


def test_a_host_key_is_written_down_once_a_person_says_that_it_is_the_right_one(
    init: Init, shop: Path, server: Client
) -> None:
    terminal = answered(init, server, "y")
    shown = re.findall(r"^ssh-\S+ (SHA256:\S+)$", terminal.seen, re.MULTILINE)
    assert load_project(shop).client("de").host_keys == server.host_keys
    known = shop.parent / "known"
    known.write_text("".join(f"host {line}\n" for line in server.host_keys))
    listed = subprocess.run(  # noqa: S603
        ["ssh-keygen", "-lf", str(known)],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown == [line.split()[1] for line in listed.splitlines()]
    assert "host_keys" not in terminal.seen


@pytest.mark.parametrize("verdict", ["n", ""])
def test_a_host_key_that_nobody_vouches_for_is_not_written_down(
    init: Init, shop: Path, sshd: Client, verdict: str
) -> None:
    terminal = answered(init, sshd, verdict)
    assert load_project(shop).client("de").host_keys == ("ssh-ed25519 AAAA...",)
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 | ssh-keygen -lf -" in terminal.seen


def test_a_server_that_is_away_is_no_reason_to_write_nothing(init: Init, shop: Path) -> None:
    away = Client(host="127.0.0.1", port=1, user="u", key="k", known_hosts="no key is shown")
    terminal = answered(init, away, "")
    assert "can't reach 127.0.0.1:1: Connection refused" in terminal.seen
    assert load_project(shop).client("de").host_keys == ("ssh-ed25519 AAAA...",)
    assert "ssh-keyscan -p 1 127.0.0.1" in terminal.seen


def test_with_a_host_key_by_option_nothing_is_fetched(init: Init, shop: Path, sshd: Client) -> None:
    silent = sshd.model_copy(update={"host_keys": (), "port": 1})
    terminal = answered(init, silent, "", "--host-key", "ssh-ed25519 AAAAC3Nz")
    assert "Fetching" not in terminal.seen
    assert load_project(shop).client("de").host_keys == ("ssh-ed25519 AAAAC3Nz",)


@pytest.mark.parametrize("question", ["Client [de]: ", "Is this their key?", "Language [en]: "])
def test_ctrl_c_at_any_question_writes_nothing(
    init: Init, shop: Path, sshd: Client, question: str
) -> None:
    terminal = init("--host", sshd.host, "--port", str(sshd.port), *AT_ONCE, "--mail-to", "a@b.de")
    questions = ("Client [de]: ", "Is this their key?", "Error f", "Time zone", "Mail server")
    for each in (*questions, "Mail user"):
        if question == each:
            break
        terminal.answer(each)
    assert terminal.interrupt(question) == 130
    assert "closedloop: stopped" in terminal.seen
    assert not shop.exists()


@pytest.mark.parametrize(
    ("question", "wrong", "complaint"),
    [
        pytest.param("Client [de]: ", "a b", "'a b' can't be a client", id="client"),
        pytest.param("Host [sftp.example.com]: ", "sftp://x", "must be the server's name alone", id="host"),
        pytest.param("Port [22]: ", "ssh", "must be a whole number, not 'ssh'", id="port"),
        pytest.param("Port [22]: ", "70000", "must be less than 65536", id="far port"),
        pytest.param("Upload folder [/incoming]: ", "in", "remote paths are absolute", id="folder"),
        pytest.param("Time zone [Europe/Vienna]: ", "Wien", "'Wien' is no time zone", id="zone"),
        pytest.param("Mail reports to: ", "ops", "'ops' is no mail address", id="mail"),
        pytest.param("Mail server [smtp://localhost]: ", "mail", "'mail' is no mail server", id="smtp"),
        pytest.param("Language [en]: ", "fr", "'fr' is not known; there is 'de', 'en'", id="language"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_asked_again(
    init: Init, question: str, wrong: str, complaint: str
) -> None:
    terminal = init()
    usual = ("Client", "Host", "Port", "User", "Log in", "Key", "Upload", "Download", "Error f")
    for each in (*usual, "Time zone", "Mail reports to", "Mail server", "Mail user", "Language"):
        if question.startswith(each):
            break
        terminal.answer(each, "ops@example.com" if each == "Mail reports to" else "")
    terminal.answer(question, wrong)
    terminal.await_words(complaint)
    terminal.await_words(question)


def test_nobody_is_asked_for_a_project_that_cant_be_made(init: Init, shop: Path) -> None:
    shop.mkdir()
    (shop / "closedloop.toml").write_text("# mine\n")
    terminal = init()
    assert terminal.end() == 2
    assert "there is a project already; nothing was written" in terminal.seen
    assert "Client" not in terminal.seen


def test_off_a_terminal_nothing_is_asked_and_samples_are_written(shop: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "closedloop", "init", str(shop), "--language", "de"],
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Enter takes" not in done.stdout
    project: Project = load_project(shop)
    assert project.client("de").host == "sftp.example.com"
    assert project.settings.page_language == "de"


def test_a_mail_server_that_wants_a_log_in_gets_one_off_a_terminal_too(shop: Path) -> None:
    words = ("--mail-to", "ops@example.com", "--smtp-user", "ops", "--logs", "/logs")
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "closedloop", "init", str(shop), *words],
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    project = load_project(shop)
    mail = project.settings.mail
    assert mail
    assert (mail.user, mail.password_env) == ("ops", "CLOSEDLOOP_MAIL_PASSWORD")
    assert project.client("de").logs == "/logs"
    assert "read -rs CLOSEDLOOP_MAIL_PASSWORD && export" in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        pytest.param("--host", "sftp://x", "--host: 'sftp://x' must be the server's name", id="host"),
        pytest.param("--mail-to", "ops", "--mail-to: 'ops' is no mail address", id="mail"),
        pytest.param("--timezone", "Wien", "--timezone: 'Wien' is no time zone", id="zone"),
        pytest.param("--password-env", "", "--key and --password-env: one", id="two log-ins"),
        pytest.param("--smtp-password-env", "X", "whose password? It needs --smtp-user", id="no user"),
        pytest.param("--logs", "logs", "--logs: 'logs' must start with '/'", id="folder"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_before_anything_is_written(
    shop: Path, option: str, value: str, sentence: str
) -> None:
    words = [sys.executable, "-m", "closedloop", "init", str(shop), "--key", "k", option, value]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
    assert not shop.exists()


class Watched(Protocol):
    port: int
    guests: list[object]
    log_ins: list[str]


def test_fetching_host_keys_tries_no_log_in(other_server: Watched) -> None:
    guests, log_ins = len(other_server.guests), len(other_server.log_ins)
    assert [key.kind for key in host_keys("127.0.0.1", other_server.port)] == ["ssh-rsa"]
    assert len(other_server.guests) > guests
    assert len(other_server.log_ins) == log_ins


class Line(Protocol):
    port: int

    def fall_silent(self) -> None: ...


def test_a_server_that_says_nothing_is_given_up(wire: Line) -> None:
    wire.fall_silent()
    with pytest.raises(RemoteError, match="did not show its host key: it fell silent"):
        host_keys("127.0.0.1", wire.port, Patience(connect_seconds=1, login_seconds=1))
