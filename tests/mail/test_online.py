"""What check --online says of a mail server: it is greeted as in earnest, and gets no letter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closedloop.cli import cli, outcome
from tests.shops import new_shop

Opening = Callable[..., Any]


@pytest.fixture
def told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return a check's line about a mail server."""

    def ask(url: str, more: str = "", password: str = "", *words: str) -> str:
        root = new_shop(tmp_path / "shop", rehearsal=True)
        monkeypatch.setenv("MAIL_PASSWORD", password)
        with (root / "closedloop.toml").open("a") as stream:
            stream.write(f'[mail]\nurl = "{url}"\nfrom = "a@b.example"\nto = ["c@d.example"]\n')
            stream.write(more)
        outcome(
            lambda: cli.main(["-p", str(root), "check", "--online", *words], standalone_mode=False)
        )
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "  mail: " in line]
        return line

    return ask


def test_a_server_on_this_machine_answers_in_plain_text(
    opened: Opening, told: Callable[..., str]
) -> None:
    office = opened()
    line = told(f"smtp://127.0.0.1:{office.port}")
    assert line.startswith("ok      mail: 127.0.0.1:")
    assert line.endswith(" answers in plain text; no letter was sent")
    assert office.got == []


def test_a_log_in_by_tls_is_tried(
    opened: Opening, told: Callable[..., str], authority: Any
) -> None:
    office = opened(tls_context=authority.context, require_starttls=True, with_log_in=True)
    more = f'user = "ops"\npassword_env = "MAIL_PASSWORD"\nca = "{authority.ca}"\n'
    line = told(f"smtp://localhost:{office.port}", more, "open sesame")
    assert line.endswith(
        " answers by TLS, its certificate is a trusted one, and lets us log in; no letter was sent"
    )
    assert [user for user, _ in office.log_ins] == ["ops"]


def test_a_refused_log_in_fails_and_is_tried_once(
    opened: Opening, told: Callable[..., str], authority: Any
) -> None:
    office = opened(tls_context=authority.context, require_starttls=True, with_log_in=True)
    more = f'user = "ops"\npassword_env = "MAIL_PASSWORD"\nca = "{authority.ca}"\n'
    line = told(f"smtp://localhost:{office.port}", more, "open barley")
    assert line.startswith("failed  mail: ")
    assert "the log-in was refused" in line
    assert len(office.log_ins) == 1


@pytest.mark.parametrize(("words", "verdict"), [((), "failed"), (("--log-in",), "ok")])
def test_after_a_refusal_nobody_logs_in_for_a_while_unless_told_to(
    opened: Opening, told: Callable[..., str], tmp_path: Path, words: tuple[str, ...], verdict: str
) -> None:
    refused = tmp_path / "shop" / "var" / "mail" / "log-in-refused"
    refused.parent.mkdir(parents=True)
    refused.touch()
    line = told(f"smtp://127.0.0.1:{opened().port}", "", "", *words)
    assert line.split()[0] == verdict
    assert ("accounts get locked" in line) == (verdict == "failed")


def test_a_server_that_is_away_fails(told: Callable[..., str]) -> None:
    assert told("smtp://127.0.0.1:1").startswith("failed  mail: 127.0.0.1:1: ")
