"""What Prometheus and a health check hear of the jobs."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from closedloop.cli import cli, outcome
from closedloop.errorfiles import ErrorFiles
from closedloop.health import HealthCheck
from closedloop.ledger import Ledger, Run
from closedloop.metrics import HELP, write_metrics
from closedloop.model.error_file import Case, ErrorFile, NextStep, Problem
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.job import RESPONSE_SCHEMAS
from closedloop.project import load_project
from closedloop.state import StateFolder
from tests.shops import new_shop

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PULL = {"job": "pull_responses", "client": "de"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return new_shop(tmp_path / "shop", rehearsal=True)


@pytest.fixture
def ledger(shop: Path) -> Iterator[Ledger]:
    with Ledger(StateFolder(shop / "var").ledger) as opened:
        yield opened


@pytest.fixture
def values(shop: Path, tmp_path: Path) -> Callable[..., float | None]:
    """Write the metrics and read one as Prometheus does."""

    def read(name: str, **labels: str) -> float | None:
        write_metrics(load_project(shop), tmp_path / "shop.prom", NOW)
        families = text_string_to_metric_families((tmp_path / "shop.prom").read_text())
        found = [s.value for f in families for s in f.samples if s.name == f"closedloop_{name}" and s.labels == labels]  # fmt: skip
        return found[0] if found else None

    return read


Values = Callable[..., float | None]


def a_run(began: datetime, code: int) -> Run:
    result: dict[str, object] = {"files": []}
    ended = began + timedelta(seconds=75)
    report = {"run_id": "r", "job": "pull_responses", "client": "de", "started": began.isoformat(), "finished": ended.isoformat(), "result": result}  # fmt: skip
    return Run(f"r{began:%d%H}", "pull_responses", "de", began, ended, code, json.dumps(report))


def a_load(day: date, loaded: int, rejected: int, schema: str = "clicks") -> Load:
    file = FileIdentity("de", schema, f"{day:%Y%m%d}_{schema}.csv", day, 1, NOW, "0")
    return Load(file, Counts(loaded, rejected), NOW)


def suspended() -> ErrorFile:
    return ErrorFile(
        name="send_newsletter-1", run="r", job="send_newsletter", client="de", kind="send", case=Case.FAILED, suspends="job",
        time=NOW, stage="select", errors=(Problem(error="E", sentence="ann@example.com is odd"),),
        next_steps=(NextStep(when="now", command="closedloop restart"),),
    )  # fmt: skip


def test_the_last_run_and_the_last_success_are_told_apart(ledger: Ledger, values: Values) -> None:
    ledger.put_run(a_run(NOW - timedelta(days=1), 0))
    ledger.put_run(a_run(NOW - timedelta(hours=1), 1))
    assert values("last_run_exit_code", **PULL) == 1
    assert values("last_run_duration_seconds", **PULL) == 75
    went_well = (NOW - timedelta(days=1, seconds=-75)).timestamp()
    assert values("last_success_timestamp_seconds", **PULL) == went_well


def test_a_job_that_never_ran_has_no_times(values: Values) -> None:
    assert values("last_success_timestamp_seconds", **PULL) is None
    assert values("suspended", **PULL) == 0


def test_a_suspended_job_says_so_and_nobody_is_named(
    shop: Path, tmp_path: Path, values: Values
) -> None:
    ErrorFiles(StateFolder(shop / "var")).put(suspended())
    assert values("suspended", job="send_newsletter", client="de") == 1
    assert values("error_files", job="send_newsletter", client="de") == 1
    assert "@" not in (tmp_path / "shop.prom").read_text()


def test_rows_and_rejects_add_up_by_kind_of_file(ledger: Ledger, values: Values) -> None:
    ledger.put_load(a_load(date(2026, 11, 18), 100, 2))
    ledger.put_load(a_load(date(2026, 11, 19), 50, 1))
    assert values("rows", client="de", schema="clicks") == 150
    assert values("rejected_rows", client="de", schema="clicks") == 3
    newest = datetime(2026, 11, 19, tzinfo=UTC).timestamp()
    assert values("newest_file_timestamp_seconds", client="de", schema="clicks") == newest


def test_days_are_left_from_the_last_pull_on(ledger: Ledger, values: Values) -> None:
    assert values("days_until_loss", client="de") is None
    ledger.put_run(a_run(NOW - timedelta(days=3, hours=1), 0))
    assert values("days_until_loss", client="de") == 14 - 3


def test_a_missing_file_leaves_fewer_days(ledger: Ledger, values: Values) -> None:
    ledger.put_run(a_run(NOW - timedelta(hours=1), 0))
    for back in range(11):
        day = date(2026, 11, 10) + timedelta(days=back)
        for schema in RESPONSE_SCHEMAS:
            if (day.day, schema) != (12, "opens"):
                ledger.put_load(a_load(day, 1, 0, schema))
    assert values("missing_files", **PULL) == 1
    assert values("days_until_loss", client="de") == 14 - 8


def test_all_may_read_the_metrics_and_only_whole_ones(values: Values, tmp_path: Path) -> None:
    values("info")
    assert (tmp_path / "shop.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob("*.prom*")] == ["shop.prom"]


def test_the_documents_name_all_metrics_and_no_others() -> None:
    text = (Path(__file__).parents[1] / "docs/deploy.md").read_text("utf-8")
    assert {*re.findall(r"\bclosedloop_([a-z_]+)", text)} == {*HELP}


class Listener:
    """A web service that notes what it is asked for."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(404 if "odd" in self.path else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.asked = asked
        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Listener()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def configured(shop: Path, text: str) -> None:
    with (shop / "closedloop.toml").open("a") as stream:
        stream.write(f"\n{text}\n")


def run(shop: Path, *words: str) -> int:
    return outcome(lambda: cli.main(["-p", str(shop), "run", *words], standalone_mode=False))


def test_a_check_hears_that_a_run_began_and_failed(shop: Path, listener: Listener) -> None:
    configured(shop, f'[health]\npull_responses = "{listener.url}/uuid"')
    (shop / "keys").mkdir()
    assert run(shop, "pull_responses") == 2  # there is no key
    assert listener.asked == ["/uuid/start", "/uuid/fail"]


def test_a_check_hears_of_a_suspension_every_time(shop: Path, listener: Listener) -> None:
    configured(shop, f'[health]\nsend_newsletter = "{listener.url}/uuid"')
    ErrorFiles(StateFolder(shop / "var")).put(suspended())
    assert run(shop, "send_newsletter") == 75
    assert listener.asked == ["/uuid/start", "/uuid/fail"]


def test_nobody_hears_of_a_rehearsal(shop: Path, listener: Listener) -> None:
    configured(shop, f'[health]\nsend_newsletter = "{listener.url}/uuid"')
    run(shop, "send_newsletter", "--dry-run")
    assert listener.asked == []


def test_a_check_that_refuses_fails_nothing_and_is_not_named(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "closedloop"):
        HealthCheck("pull", f"{listener.url}/odd/secret").tell("")
    assert "the health check of pull could not be told: status 404" in caplog.text
    assert "secret" not in caplog.text


def test_a_check_that_does_not_answer_is_not_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent,
        caplog.at_level("WARNING", "closedloop"),
    ):
        HealthCheck("pull", f"http://127.0.0.1:{silent.server_port}/x", 0.2).tell("")
    assert "the health check of pull could not be told" in caplog.text


def test_metrics_are_written_after_a_run_that_was_turned_away(shop: Path) -> None:
    configured(shop, '[metrics]\nfile = "shop.prom"')
    ErrorFiles(StateFolder(shop / "var")).put(suspended())
    assert run(shop, "send_newsletter") == 75
    assert 'closedloop_suspended{job="send_newsletter",client="de"} 1\n' in (shop / "shop.prom").read_text()  # fmt: skip


def test_metrics_that_can_not_be_written_fail_nothing(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(shop, '[metrics]\nfile = "gone/shop.prom"')
    ErrorFiles(StateFolder(shop / "var")).put(suspended())
    assert run(shop, "send_newsletter") == 75
    assert "ann@" not in capsys.readouterr().err
    assert not (shop / "gone").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param('[health]\nsend = "https://hc.example/x"', "health.send", id="no job"),
        pytest.param('[health]\nsend_newsletter = "hc.example"', "web address", id="no address"),
        pytest.param('[metrics]\nfile = "shop.txt"', "metrics.file", id="no prom"),
    ],
)
def test_wrong_settings_are_named(
    text: str, sentence: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(shop, text)
    assert run(shop, "send_newsletter") == 2
    assert sentence in capsys.readouterr().err
