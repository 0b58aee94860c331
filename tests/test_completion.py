"""What a shell is offered while somebody types."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from closedloop.cli import cli, outcome
from closedloop.ledger import Ledger, Run
from closedloop.model.wave import Wave, WaveState
from tests.shops import new_shop

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAVE = Wave(
    client="de", wave_id=20261117060000, job="send_newsletter", source_mailing=1, file="x.csv",
    slot=NOW, test=False, state=WaveState.PUBLISHED, selected=3, written=3, dropped={}, size=1,
    sha256="", built_at=NOW,
)  # fmt: skip

Offered = Callable[..., list[str]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_shop(tmp_path / "shop", rehearsal=False)


@pytest.fixture
def offered(shop: Path) -> Offered:
    def ask(*words: str) -> list[str]:
        shell = ShellComplete(cli, {}, "closedloop", "_CLOSEDLOOP_COMPLETE")
        *before, begun = words
        return [item.value for item in shell.get_completions(["-p", str(shop), *before], begun)]

    return ask


def put(shop: Path, *parts: str) -> None:
    path = shop.joinpath("var", *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_commands_and_their_options_are_offered(offered: Offered) -> None:
    assert offered("re") == ["report", "restart", "resend"]
    assert offered("quarantine", "") == ["list", "replay", "show"]
    assert "--dry-run" in offered("run", "send_newsletter", "--d")


def test_run_takes_the_projects_jobs(offered: Offered) -> None:
    assert offered("run", "") == ["pull_responses", "send_newsletter"]
    assert offered("run", "se") == ["send_newsletter"]


def test_restart_takes_what_has_an_error_file(offered: Offered, shop: Path) -> None:
    assert offered("restart", "") == []
    put(shop, "errors", "send_newsletter-20261124T060000Z-2.json")
    put(shop, "errors", "resolved", "pull_responses-20261123T060000Z.json")
    assert offered("restart", "") == ["send_newsletter", "send_newsletter-20261124T060000Z-2"]


def test_quarantine_takes_response_files(offered: Offered, shop: Path) -> None:
    put(shop, "quarantine", "de", "20261120_clicks.csv.0123abcd.csv")
    put(shop, "quarantine", "de", "20261120_clicks.csv.0123abcd.corrected.csv")
    assert offered("quarantine", "replay", "2026") == ["20261120_clicks.csv"]


def test_report_takes_jobs_and_runs_and_resend_waves(offered: Offered, shop: Path) -> None:
    assert offered("report", "pull") == ["pull_responses"]
    assert offered("resend", "") == []
    assert not (shop / "var" / "ledger.sqlite").exists()
    with Ledger(shop / "var" / "ledger.sqlite") as ledger:
        ledger.put_run(Run("pull_responses-1", "pull_responses", "de", NOW, NOW, 0, "{}"))
        ledger.put_wave(WAVE)
    assert offered("report", "pull") == ["pull_responses", "pull_responses-1"]
    assert offered("resend", "2026") == ["20261117060000"]


def test_outside_a_project_nothing_is_offered_and_nothing_breaks(
    offered: Offered, shop: Path
) -> None:
    (shop / "closedloop.toml").write_text("[paths")
    assert offered("restart", "") == offered("resend", "2") == []


def test_names_are_there_before_anything_large_is_imported(shop: Path) -> None:
    asked = (
        "import sys\nfrom closedloop.cli import cli\ntry:\n    cli.main(prog_name='closedloop')\nfinally:\n"
        "    print([name for name in ('pydantic', 'polars', 'duckdb', 'paramiko', 'rich') if name in sys.modules])"
    )
    told = subprocess.run(  # noqa: S603 our own interpreter
        [sys.executable, "-c", asked],
        env={
            **os.environ,
            "CLOSEDLOOP_PROJECT": str(shop),
            "_CLOSEDLOOP_COMPLETE": "bash_complete",
            "COMP_WORDS": "closedloop run ",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.splitlines() == ["plain,pull_responses", "plain,send_newsletter", "[]"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(lambda: cli.main(["completion", shell], standalone_mode=False)) == 0
    out = capsys.readouterr().out
    assert f"_CLOSEDLOOP_COMPLETE={shell}_complete" in out
