"""Runs as processes that are stopped, run out of time, find the warehouse held, or are not let in."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.model.settings import Client
from tests.shops import shop_on

HEAD = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
ROWS = 120_000
MEGABYTE = 1024 * 1024
HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    connection.execute("from loads").fetchall()
    print("held", flush=True)
    sys.stdin.read()
"""
ENDLESS = "select sum(a.n + b.n) as Email from range(100000000000) a(n), range(1000) b(n)"


class Shop(Protocol):
    root: Path

    def start(self, *arguments: str, at: str = ...) -> "subprocess.Popen[str]": ...
    def do(self, *arguments: str, at: str = ...) -> "subprocess.CompletedProcess[str]": ...
    def report(self, job: str, at: str, *options: str) -> dict[str, Any]: ...
    def customers(self, addresses: list[str]) -> None: ...
    def edit(self, name: str, old: str, new: str) -> None: ...


class OtherServer(Protocol):
    password_tries: list[str]

    def client(self) -> Client: ...


class Wire(Protocol):
    port: int

    def break_after(
        self, received: float = ..., answers: float = ..., *, silently: bool = ...
    ) -> None: ...
    def mend(self) -> None: ...


@pytest.fixture
def server(client_on: Callable[[Path], Client], tmp_path: Path) -> Client:
    return client_on(tmp_path / "server")


@pytest.fixture
def made(shop: Shop, server: Client) -> Shop:
    """A project for the server, whose customers are in a file."""
    shop_on(shop.root, server)
    return shop


def put(server: Client, name: str, content: bytes) -> Path:
    path = Path(server.download) / name
    path.write_bytes(content)
    moment = datetime(2026, 11, 20, 4, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    return path


def unsubscribes(rows: int) -> bytes:
    return HEAD + b"".join(
        f"44;{n};9;kundin{n}@example.com;2026-11-19 12:00:00\n".encode() for n in range(rows)
    )


def wait_for(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        pytest.param(signal.SIGTERM, 75, "told to stop (SIGTERM)", id="systemd"),
        pytest.param(signal.SIGINT, 130, "stopped by Ctrl-C", id="ctrl-c"),
    ],
)
def test_a_run_is_stopped_while_it_waits_for_a_silent_server_and_the_next_goes_on(
    made: Shop, server: Client, wire: Wire, number: signal.Signals, code: int, words: str
) -> None:
    put(server, "20261120_unsubscribes.csv", unsubscribes(ROWS))
    made.edit("closedloop.toml", f"= {server.port}", f"= {wire.port}")
    wire.break_after(4 * MEGABYTE, silently=True)
    part = made.root / "var" / "landing" / "de" / "20261120_unsubscribes.csv.part"
    with made.start("run", "pull_responses", at="2026-11-20T13:00Z") as process:
        wait_for(lambda: part.is_file() and part.stat().st_size > 3 * MEGABYTE)
        time.sleep(0.5)
        process.send_signal(number)
        began = time.monotonic()
        out, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 20
    assert (process.returncode, out) == (code, "")
    assert errors == (
        f"closedloop: pull_responses: {words}: it ended at a safe point, and the next run goes on where it was\n"
    )
    kept = part.stat().st_size
    assert kept > 3 * MEGABYTE
    made.edit("closedloop.toml", f"= {wire.port}", f"= {server.port}")
    (file,) = made.report("pull_responses", "2026-11-20T13:10Z")["result"]["files"]
    assert (file["status"], file["counts"]["loaded"]) == ("loaded", ROWS)
    assert list(part.parent.iterdir()) == []


def test_a_query_that_never_ends_is_broken_off_at_the_deadline(made: Shop, server: Client) -> None:
    job = made.root / "jobs" / "send_newsletter.toml"
    text = job.read_text()
    query = f'[selection]\nsql = "{ENDLESS}"\nfrom = "warehouse"\n'
    job.write_text(f"deadline_minutes = 0.05\n{text[: text.index('[selection]')]}{query}")
    done = made.do("run", "send_newsletter")
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == (
        "closedloop: send_newsletter: not done after 0.05 minutes (deadline_minutes in jobs/send_newsletter.toml): it ended "
        "at a safe point, and the next run goes on where it was\n"
    )
    assert list(Path(server.upload).iterdir()) == []
    assert list((made.root / "var" / "outbox" / "de").iterdir()) == []
    told = json.loads(made.do("status", "--json").stdout)["jobs"][-1]
    assert told["exit_code"] == 75
    job.write_text(text)
    assert made.report("send_newsletter", "2026-11-24T06:10Z")["result"]["outcome"] == "sent"


@pytest.fixture
def hold(made: Shop) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Look at the warehouse as an analyst does, for a while."""
    assert made.do("run", "send_newsletter", "--dry-run").returncode == 0
    command = [sys.executable, "-c", HOLD, str(made.root / "var" / "warehouse.duckdb")]
    analysts: list[subprocess.Popen[str]] = []

    def begin() -> "subprocess.Popen[str]":
        analysts.append(subprocess.Popen(command, stdin=-1, stdout=-1, text=True))  # noqa: S603 - ours
        stdout = analysts[-1].stdout
        assert stdout
        assert stdout.readline() == "held\n"
        return analysts[-1]

    yield begin
    for analyst in analysts:
        analyst.kill()
        analyst.communicate()


def test_what_was_fetched_while_somebody_took_the_warehouse_is_not_fetched_again(
    made: Shop, server: Client, wire: Wire, hold: Callable[[], "subprocess.Popen[str]"]
) -> None:
    line = f"44;1;9;{'x' * 200}@example.com;2026-11-19 12:00:00\n".encode()
    listed = put(server, "20261120_unsubscribes.csv", HEAD + line * 70_000)
    landed = made.root / "var" / "landing" / "de" / listed.name
    made.edit("closedloop.toml", "[warehouse]\n", "[warehouse]\nlock_wait_seconds = 0.2\n")
    made.edit("closedloop.toml", f"= {server.port}", f"= {wire.port}")
    wire.break_after(4 * MEGABYTE, silently=True)
    with made.start("run", "pull_responses", at="2026-11-20T13:00Z") as process:
        wait_for(landed.with_name(f"{landed.name}.part").is_file)
        analyst = hold()
        wire.mend()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert f"is held by process {analyst.pid}" in errors
    listed.unlink()
    analyst.communicate("")
    (file,) = made.report("pull_responses", "2026-11-20T13:10Z")["result"]["files"]
    assert (file["status"], file["counts"]["loaded"]) == ("loaded", 70_000)


def test_a_refused_log_in_is_tried_once_by_a_run_and_by_none_after_it(
    made: Shop, other_server: OtherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "guess")
    settings = made.root / "closedloop.toml"
    client = other_server.client()
    text = re.sub(r"(?m)^key +=.*$", 'password_env = "SHOP_PASSWORD"', settings.read_text())
    text = re.sub(r"(?m)^port +=.*$", f"port = {client.port}", text)
    settings.write_text(
        re.sub(r"(?m)^host_keys +=.*$", f'host_keys = ["{client.host_keys[0]}"]', text)
    )
    other_server.password_tries.clear()
    first = made.do("run", "pull_responses")
    assert first.returncode == 69
    assert "it is not tried again" in first.stderr
    for job in ("pull_responses", "send_newsletter"):
        assert made.do("run", job).returncode == 75
    assert len(other_server.password_tries) == 1
