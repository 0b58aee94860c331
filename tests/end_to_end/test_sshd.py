"""The program as cron starts it, against OpenSSH's server."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from closedloop.flows.runner import alone
from closedloop.model.settings import Client
from closedloop.project import load_project
from closedloop.state import StateFolder

LEFT = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"


class Shop(Protocol):
    root: Path

    def start(self, *arguments: str, at: str = ...) -> Any: ...

    def do(self, *arguments: str, at: str = ...) -> Any: ...

    def report(self, job: str, at: str, *options: str) -> dict[str, Any]: ...

    def customers(self, addresses: list[str]) -> None: ...

    def edit(self, name: str, old: str, new: str) -> None: ...


@pytest.fixture
def server(client_on: Callable[[Path], Client], tmp_path: Path) -> Client:
    return client_on(tmp_path / "server")


@pytest.fixture
def made(shop: Shop, server: Client) -> Shop:
    """A project made by init for the server, whose customers are in a file."""
    made = shop.do(
        "init", str(shop.root), "--host", server.host, "--port", str(server.port),
        "--user", server.user, "--key", str(server.key), "--host-key", server.host_keys[0],
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for folder in ("upload", "download"):
        shop.edit(
            "closedloop.toml",
            f'= "/{"incoming" if folder == "upload" else "outgoing"}"',
            f'= "{getattr(server, folder)}"',
        )
    job = shop.root / "jobs" / "send_newsletter.toml"
    text = job.read_text()
    job.write_text(f'{text[: text.index("[selection]")]}[selection]\nfile = "customers.csv"\n')
    shop.customers(["anna@example.com", "left@example.com", "no address"])
    return shop


def put(server: Client, name: str, content: bytes) -> None:
    path = Path(server.download) / name
    path.write_bytes(content)
    moment = datetime(2026, 11, 24, 4, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))


def test_responses_come_in_and_a_wave_goes_out(
    made: Shop, server: Client, query: Callable[[Path, str], list[dict[str, Any]]]
) -> None:
    put(
        server,
        "20261124_unsubscribes.csv",
        LEFT + b"44;1;9;Left@Example.com;2026-11-23 12:00:00\n" + b"44;2;9\n",
    )
    pulled = made.report("pull_responses", "2026-11-24T05:30Z")
    (file,) = pulled["result"]["files"]
    assert (file["status"], file["counts"]["loaded"], file["counts"]["quarantined"]) == (
        "loaded",
        1,
        1,
    )
    sent = made.report("send_newsletter", "2026-11-24T06:00Z")
    assert sent["result"]["wave"]["dropped"] == {"unsubscribed": 1, "invalid address": 1}
    (upload,) = Path(server.upload).iterdir()
    wave = upload.name.removesuffix("_subscribers.csv")
    # The clock goes on while the process starts.
    assert 0 <= int(wave) - 20261124070000 < 59
    assert upload.read_bytes() == (
        f'"anna@example.com";44018617811;{wave};"Frau";"Anna";"Müller"\n'.encode()
    )
    assert [row["recipient"] for row in query(made.root, "from suppressions")] == [
        "left@example.com"
    ]


def test_a_pull_of_good_rows_is_silent(made: Shop, server: Client) -> None:
    put(server, "20261124_unsubscribes.csv", LEFT + b"44;1;9;a@example.com;2026-11-23 12:00:00\n")
    done = made.do("run", "pull_responses", at="2026-11-24T05:30Z")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_second_run_is_silent_and_sends_nothing(made: Shop, server: Client) -> None:
    made.report("send_newsletter", "2026-11-24T06:00Z")
    again = made.do("run", "send_newsletter", at="2026-11-24T06:10Z")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(list(Path(server.upload).iterdir())) == 1


def test_a_refused_file_ends_with_1_and_a_sentence(made: Shop, server: Client) -> None:
    put(server, "20261124_unsubscribes.csv", LEFT.replace(b"\n", b";reason\n"))
    done = made.do("run", "pull_responses", at="2026-11-24T06:00Z")
    assert done.returncode == 1
    assert "20261124_unsubscribes.csv: refused" in done.stderr
    assert 'extra = "ignore"' in done.stderr


def test_a_server_with_another_key_is_told_nothing_and_ends_with_69(
    made: Shop, server: Client
) -> None:
    text = (made.root / "closedloop.toml").read_text()
    begin = text.index('host_keys      = ["') + len('host_keys      = ["')
    key = text[begin : text.index('"', begin)]
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5v0m0b5y4dCkq3b7Vq1l0zq5q7tXU0o0E7o1Qm3r5T"
    made.edit("closedloop.toml", key, other)
    done = made.do("run", "send_newsletter")
    assert done.returncode == 69
    assert "host_keys" in done.stderr
    assert list(Path(server.upload).iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            'schema         = "subscribers"', 'schema = "subscriber"', "subscribers", id="job"
        ),
        pytest.param(
            "source_mailing = 44018617811", "source_mailin = 1", "source_mailing", id="key"
        ),
    ],
)
def test_a_wrong_project_file_ends_with_2_and_touches_nothing(
    made: Shop, server: Client, old: str, new: str, said: str
) -> None:
    made.edit("jobs/send_newsletter.toml", old, new)
    done = made.do("run", "send_newsletter")
    assert done.returncode == 2
    assert "jobs/send_newsletter.toml" in done.stderr
    assert said in done.stderr
    assert [path.name for path in (made.root / "var").rglob("*")] == ["locks"]
    assert list(Path(server.upload).iterdir()) == []


def test_a_missing_folder_on_the_server_ends_with_1(made: Shop, server: Client) -> None:
    Path(server.download).rmdir()
    done = made.do("run", "pull_responses")
    assert done.returncode == 1
    assert server.download in done.stderr


def test_a_run_that_is_under_way_makes_the_second_wait(made: Shop) -> None:
    project = load_project(made.root)
    with alone(project.job("send_newsletter"), StateFolder(project.state)):
        done = made.do("run", "send_newsletter")
    assert done.returncode == 75
    assert "another run of this job is under way" in done.stderr


def test_a_send_that_is_killed_at_any_moment_mails_once(made: Shop, server: Client) -> None:
    made.customers([f"kunde{number}@example.com" for number in range(30_000)])
    began = time.monotonic()
    made.report("send_newsletter", "2026-11-17T06:00Z")
    whole = time.monotonic() - began
    for turn, share in enumerate((0.5, 0.7, 0.8, 0.9)):
        day = f"2026-{'12' if turn else '11'}-{(1 + 7 * (turn - 1)) if turn else 24:02}"
        with made.start("run", "send_newsletter", at=f"{day}T06:00Z") as process:
            time.sleep(share * whole)
            process.kill()
        done = made.do("run", "send_newsletter", at=f"{day}T06:10Z")
        assert done.returncode == 0, done.stderr
        names = [path.name for path in Path(server.upload).iterdir()]
        assert len([name for name in names if name.startswith(day.replace("-", ""))]) == 1
        assert not [name for name in names if name.endswith(".part")]
    assert list((made.root / "var" / "outbox" / "de").iterdir()) == []
    told = json.loads(made.do("status", "--json").stdout)["jobs"]
    sentences = {job["job"]: job["sentences"] for job in told}["send_newsletter"]
    # Nothing is left of the kills; that no response data came back for weeks is said, as it should be.
    assert [text for text in sentences if "no response data shows it" not in text] == []
