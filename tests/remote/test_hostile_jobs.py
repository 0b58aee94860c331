"""Jobs against a platform that misbehaves: how each run ends, what the operator reads, what the next runs do."""

import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from tenacity import wait_none

from closedloop import edges
from closedloop.cli import cli, outcome
from closedloop.core.report import troubles
from closedloop.emulator.config import Config
from closedloop.emulator.configfile import misbehaviour
from closedloop.emulator.misbehaviour import Misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errors import ClosedLoopError
from closedloop.flows.runner import Wish, carry_out
from closedloop.model.settings import Client
from closedloop.project import load_project
from closedloop.remote.base import Remote
from closedloop.remote.patience import Patience
from closedloop.remote.retrying import RetryingRemote
from closedloop.remote.sftp import SftpRemote
from closedloop.scaffold import emulated, write_project

HERE = Path(__file__)
CASES: list[dict[str, Any]] = tomllib.loads(
    HERE.with_name("hostile.toml").read_text(encoding="utf-8")
)["case"]
PAGE = HERE.parents[2] / "docs" / "operating.md"

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
JOBS = {"send": "send_newsletter", "pull": "pull_responses"}
PEOPLE = ("anna@example.com", "ben@example.com", "clara@example.com")
LEFT = "mailingId;mailingToUserId;mailingGroupId;userId;created\n"
UNSUBSCRIBES = LEFT + "".join(
    f"44;{number};9;left{number}@example.com;2026-11-23 12:00:00\n" for number in range(30)
)
RESPONSES = (
    LEFT.replace("created", "created;category")
    + "44;1;9;anna@example.com;2026-11-23 12:00:00;bounce\n"
)

PATIENT = Patience(connect_seconds=5, login_seconds=10, idle_seconds=10)
BRIEF = Patience(connect_seconds=5, login_seconds=1.5, idle_seconds=0.6)

Told = tuple[int, list[str]]


@dataclass(frozen=True)
class Yard:
    """A project beside its platform, a delivery on the server, and a server that can be told to misbehave."""

    root: Path
    platform: Platform
    server: Server
    patience: Patience

    def run(self, kind: str, minutes: float) -> Told:
        """Run a job so many minutes after its slot; return the exit code and what the operator reads."""
        project = load_project(self.root)
        job = project.job(JOBS[kind])
        now = START + timedelta(minutes=minutes)
        try:
            with (
                edges.working(project, job, shown=False) as usual,
                self.remote(usual.client) as remote,
            ):
                given = replace(usual, remote=remote)
                report = carry_out(job, project, given, Wish(), lambda: now)
        except ClosedLoopError as error:
            return error.exit_code, [plain(str(error))]
        return report.exit_code, [plain(sentence) for sentence in troubles(report)]

    def remote(self, client: Client) -> Remote:
        inner = SftpRemote(client, self.root, os.environ.get, self.patience, "de")
        return RetryingRemote(inner, wait=wait_none(), sleep=lambda _: None)

    def restart(self, kind: str, how: str) -> int:
        """Restart a job as a person does who has found out what the platform knows."""
        options = []
        if how == "told":
            options = ["--assume-sent" if self.mailed() else "--resend"]
        whole = ["--project", str(self.root), "--now", "2026-11-24T14:00Z", "restart", JOBS[kind]]
        return outcome(lambda: cli.main([*whole, *options], standalone_mode=False))

    def mailed(self) -> list[dict[str, int]]:
        """Let the import run, and return how often it mailed whom, wave by wave."""
        self.platform.tick(START + timedelta(hours=9))
        return list(self.platform.record().mailed("de").values())

    def published(self) -> list[str]:
        """Return the subscriber files that the import takes at its next run."""
        account = self.platform.config.clients[0]
        folders = self.platform.places.upload(account), self.platform.places.taken(account)
        return [path.name for folder in folders for path in folder.iterdir() if is_final(path)]

    def loaded(self) -> dict[str, int]:
        """Return how many rows the warehouse holds of each file."""
        with edges.warehouse(load_project(self.root)) as stored:
            return {
                row["file"]: row["loaded"] for row in stored.rows("select file, loaded from loads")
            }

    def is_done(self, kind: str) -> bool:
        """Say whether the wave may go out, or every delivered row is loaded."""
        if kind == "send":
            return len(self.published()) == 1
        return self.loaded() == {name: text.count("\n") - 1 for name, text in DELIVERY.items()}

    def left_over(self) -> list[str]:
        """Return the temporary files on both sides."""
        account = self.platform.config.clients[0]
        folders = [self.platform.places.upload(account), self.root / "var"]
        return [path.name for folder in folders for path in folder.rglob("*.part*")]


def is_final(path: Path) -> bool:
    return path.name.endswith("_subscribers.csv")


def plain(sentence: str) -> str:
    """Return a sentence without what differs from server to server and from file to file."""
    for pattern, word in WORDS.items():
        sentence = re.sub(pattern, word, sentence)
    return sentence


WORDS = {
    r"127\.0\.0\.1:\d+": "SERVER",
    r"SHA256:\S+(?=;)": "FINGERPRINT",
    r"clients\.de\.": "clients.CLIENT.",
    r"\d{14}_subscribers\.csv": "NAME",
    r"\d{8}_[a-z]+\.csv": "FILE",
    r"wave \d{14}": "wave WAVE",
    r"\d+ of \d+ bytes": "COUNT of COUNT bytes",
    r"SERVER (refused to|can't) [^:]+:": r"SERVER \1 ...:",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform and a project beside it, with a delivery and three customers, that have done nothing yet."""
    folder = tmp_path_factory.mktemp("template")
    platform = Platform(folder / "platform", Config())
    with Server(platform):
        # An RSA key costs a tenth of a second at each log-in.
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(folder / "quick"))
        with (platform.places.keys / "de_rsa.pub").open("ab") as allowed:
            allowed.write(key.export_public_key())
    client, section = emulated(folder / "platform", None)
    section = re.sub(r"(?m)^key .*$", 'key = "quick"', section)
    write_project(folder / "shop", client, section, rehearsal=True)
    (folder / "quick").rename(folder / "shop" / "quick")
    customers = "".join(f"{person};Frau;Anna;Müller\n" for person in PEOPLE)
    text = f"Email;Anrede;Vorname;Nachname\n{customers}"
    (folder / "shop" / "customers.csv").write_text(text, encoding="utf-8")
    job = folder / "shop" / "jobs" / "pull_responses.toml"
    # Not before the evening do the other files count as missing.
    job.write_text(re.sub(r"(?m)^expected_by.*$", 'expected_by = "23:30"', job.read_text("utf-8")))
    outgoing = platform.places.download(platform.config.clients[0])
    for name, content in DELIVERY.items():
        (outgoing / name).write_text(content)
        os.utime(outgoing / name, (START.timestamp() - 7200, START.timestamp() - 7200))
    project = load_project(folder / "shop")
    with edges.warehouse(project) as stored:
        stored.prepare(project.responses())
    return folder


DELIVERY = {
    "20261124_unsubscribes.csv": UNSUBSCRIBES,
    "20261124_responses.csv": RESPONSES,
}


@pytest.fixture
def new_yard(template: Path, tmp_path: Path) -> Iterator[Callable[..., Yard]]:
    with ExitStack() as stack:

        def begin(misbehave: dict[str, Any], settings: str = "") -> Yard:
            folder = shutil.copytree(template, tmp_path / "yard")
            platform = Platform(folder / "platform", Config())
            if settings == "wrong key":
                wrong = asyncssh.generate_private_key("ssh-ed25519")
                wrong.write_private_key(str(folder / "shop" / "quick"))
            server = stack.enter_context(Server(platform, 0, misbehaviour(misbehave)))
            path = folder / "shop" / "closedloop.toml"
            text = re.sub(r"(?m)^port .*$", f"port = {server.port}", path.read_text("utf-8"))
            if settings == "no errors":
                text = re.sub(r"(?m)^errors .*$", "", text)
            path.write_text(text, encoding="utf-8")
            stalls = any(fault.get("do") == "stall" for fault in misbehave.get("faults", []))
            return Yard(folder / "shop", platform, server, BRIEF if stalls else PATIENT)

        yield begin


MET = [
    pytest.param(case, kind, misbehave, id=f"{server['does']}, {kind} {number}")
    for case in CASES
    for server in case["servers"]
    for kind in JOBS
    for number, misbehave in enumerate(server.get(kind, []), 1)
]


@pytest.mark.parametrize(("case", "kind", "misbehave"), MET)
def test_a_job_meets_a_server_that(
    case: dict[str, Any],
    kind: str,
    misbehave: dict[str, Any],
    new_yard: Callable[..., Yard],
    template: Path,
) -> None:
    yard = new_yard(misbehave, case.get("settings", ""))
    first = 60 * case.get("hours", 0)
    if first:
        yard.run(kind, 0)

    code, told = yard.run(kind, first)
    assert code == case["exit"], told
    assert set(told) <= set(case.get("says", []))
    assert bool(told) == ("says" in case)
    if case["outcome"] != "unknown":
        assert yard.is_done(kind) == (case["outcome"] in ("done", "partly"))

    # It stays as it is.
    yard.server.misbehave = misbehaviour(misbehave)
    code, told = yard.run(kind, first + 10)
    assert code == (75 if "restart" in case else case["exit"]), told

    # It is mended.
    yard.server.misbehave = Misbehaviour()
    if case.get("settings") == "wrong key":
        shutil.copy(template / "shop" / "quick", yard.root / "quick")
    code, told = yard.run(kind, first + 20)
    assert code == (75 if "restart" in case else 0), told
    if "restart" in case:
        assert yard.restart(kind, case["restart"]) == 0
    assert yard.run(kind, first + 9 * 60) == (0, [])

    assert yard.left_over() == []
    if kind == "send":
        assert yard.mailed() == [dict.fromkeys(PEOPLE, 1)]
    else:
        assert yard.is_done(kind)


def test_a_refused_log_in_lets_all_jobs_of_the_client_rest(new_yard: Callable[..., Yard]) -> None:
    yard = new_yard({"lock_after": 2}, "wrong key")
    assert yard.run("send", 0)[0] == 69
    for minutes in (10, 20, 30):
        assert yard.run("send", minutes)[0] == 75
        assert yard.run("pull", minutes)[0] == 75


def test_a_crowded_errors_folder_is_told_in_a_few_sentences(new_yard: Callable[..., Yard]) -> None:
    yard = new_yard({"names": 300})
    code, told = yard.run("pull", 0)
    assert code == 0
    assert len(told) == 5
    assert yard.is_done("pull")


def table() -> str:
    head = ["the server", "job", "the run", "exit", "what you read", "the next run"]
    lines = [head, ["---"] * len(head)]
    for case in CASES:
        does = "<br>".join(server["does"] for server in case["servers"])
        kinds = [kind for kind in JOBS if any(kind in server for server in case["servers"])]
        says = case.get("says", ["nothing"])[0].replace("unreachable: ", "")
        row = [does, ", ".join(kinds), RUNS[case["outcome"]], str(case["exit"]), says]
        lines.append([*row, following(case)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


RUNS = {
    "done": "does its work, once",
    "not done": "sends or loads nothing of it",
    "partly": "loads the others",
    "unknown": "can't know whether people were mailed",
}


def following(case: dict[str, Any]) -> str:
    if "restart" in case:
        told = " --assume-sent` or `--resend" if case["restart"] == "told" else ""
        return f"75, until `closedloop restart JOB{told}`"
    if case["outcome"] == "done":
        return "has nothing left to do"
    return "goes through once the server is well"


def test_the_page_shows_what_the_rows_hold() -> None:
    begin, end = "<!-- hostile server: begin -->\n", "<!-- hostile server: end -->\n"
    shown = PAGE.read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    assert shown == table(), f"write this between the marks in {PAGE.name}:\n{table()}"
