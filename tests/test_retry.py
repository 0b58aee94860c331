"""A slot that was left without its wave is gone on with by `run JOB --retry`, and by nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from closedloop.ledger import Ledger
from closedloop.locks import held
from closedloop.model.settings import Client
from closedloop.model.wave import Try
from closedloop.state import StateFolder
from tests.shops import Ended, Run, command_line, shop_on

SLOT = "2026-11-24T06:00+01:00"


class Desk(NamedTuple):
    """A project whose server is a folder of this disk, and the commands given there."""

    root: Path
    server: Path
    closedloop: Run

    def run(self, at: str, *options: str) -> Ended:
        return self.closedloop("-p", self.root, "--now", at, "run", "send_newsletter", *options)

    def uploads(self) -> list[str]:
        return sorted(path.name for path in self.server.iterdir())

    @property
    def ledger(self) -> Path:
        return self.root / "var" / "ledger.sqlite"


@pytest.fixture
def desk(
    client_on: Callable[[Path], Client],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    client = client_on(tmp_path / "remote")
    root = shop_on(tmp_path / "shop", client)
    return Desk(root, Path(client.upload), command_line(capsys))


def test_a_slot_that_never_ran_is_no_matter_for_a_retry(desk: Desk) -> None:
    assert desk.run("2026-11-24T06:05+01:00", "--retry") == (0, "", "")
    assert not desk.ledger.exists()


def test_a_slot_that_has_its_wave_is_left_alone(desk: Desk) -> None:
    assert desk.run(SLOT).code == 0
    desk.server.rename(desk.server.with_name("elsewhere"))
    assert desk.run("2026-11-24T06:05+01:00", "--retry") == (0, "", "")


def test_what_could_not_be_reached_is_tried_again_and_told_once(desk: Desk) -> None:
    settings = desk.root / "closedloop.toml"
    right = settings.read_text()
    port = next(line for line in right.splitlines() if line.startswith("port"))
    settings.write_text(right.replace(port, "port = 1"))
    first = desk.run(SLOT)
    assert first.code == 69
    assert first.err.startswith("closedloop: ")
    assert desk.run("2026-11-24T06:05+01:00", "--retry") == (69, "", "")
    settings.write_text(right)
    assert desk.run("2026-11-24T06:15+01:00", "--retry") == (0, "", "")
    assert desk.uploads() == ["20261124061500_subscribers.csv"]
    assert desk.run("2026-11-24T06:25+01:00", "--retry") == (0, "", "")
    assert len(desk.uploads()) == 1


def test_a_wave_that_has_to_wait_goes_out_when_it_may(desk: Desk) -> None:
    job = desk.root / "jobs" / "send_newsletter.toml"
    job.write_text(job.read_text().replace('"0 6 * * 2"', '"0 * * * *"\nwait_hours = 1.5'))
    assert desk.run(SLOT).code == 0
    waited = desk.run("2026-11-24T07:00+01:00")
    assert (waited.code, "waits for that until" in waited.err) == (75, True)
    assert desk.run("2026-11-24T07:25+01:00", "--retry") == (75, "", "")
    assert desk.run("2026-11-24T07:35+01:00", "--retry").code == 0
    assert desk.uploads()[1:] == ["20261124073500_subscribers.csv"]


def test_a_run_that_died_is_gone_on_with_once_nobody_holds_its_lock(desk: Desk) -> None:
    slot = datetime(2026, 11, 24, 5, tzinfo=UTC)
    with Ledger(desk.ledger) as ledger:
        ledger.put_try(Try("send_newsletter", slot, slot))
    lock = StateFolder(desk.root / "var").lock("de.send_newsletter")
    with held(lock, "send_newsletter", "another run of this job"):
        assert desk.run("2026-11-24T06:05+01:00", "--retry") == (75, "", "")
    assert desk.run("2026-11-24T06:15+01:00", "--retry").code == 0
    assert len(desk.uploads()) == 1


def test_what_a_wrong_project_file_stopped_is_not_retried(desk: Desk) -> None:
    (desk.root / "customers.csv").write_text("Mail\nanna@example.com\n")
    assert desk.run(SLOT).code == 2
    assert desk.run("2026-11-24T06:05+01:00", "--retry") == (0, "", "")


@pytest.mark.parametrize("option", ["--again", "--test", "--dry-run"])
def test_a_retry_stands_alone(desk: Desk, option: str) -> None:
    assert desk.run(SLOT, "--retry", option).code == 2


def test_a_pull_has_no_retry(desk: Desk) -> None:
    assert desk.closedloop("-p", desk.root, "run", "pull_responses", "--retry").code == 2


def test_a_wave_is_sent_once_more_by_its_number_and_only_where_it_is_known(desk: Desk) -> None:
    def resend(*words: str) -> Ended:
        return desk.closedloop("-p", desk.root, "--now", SLOT, "resend", *words)

    without = resend("20261124060000")
    assert (without.code, "--soft-bounces" in without.err) == (2, True)
    unknown = resend("20261124060000", "--soft-bounces")
    assert (unknown.code, "none has gone out yet" in unknown.err) == (2, True)
    desk.run(SLOT)
    unseen = resend("20261124060000", "--soft-bounces")
    assert (unseen.code, "pull first" in unseen.err) == (2, True)
    assert len(desk.uploads()) == 1
