"""A project whose warehouse holds mailings that can be counted, and a browser to look at its page with."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from playwright.sync_api import sync_playwright

from closedloop.edges import warehouse
from closedloop.errorfiles import ErrorFiles
from closedloop.ledger import Ledger, Run
from closedloop.model.error_file import Case, ErrorFile, NextStep, Problem
from closedloop.model.job import RESPONSE_SCHEMAS
from closedloop.model.wave import Wave, WaveState
from closedloop.project import Project, load_project
from closedloop.state import StateFolder
from closedloop.warehouse.marks import mark_anew
from tests.shops import new_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STARTED = datetime(2026, 11, 20, 5)  # noqa: DTZ001 - as the warehouse has it
DAYS = 20

ROWS = """
INSERT INTO raw_mailings BY NAME
    SELECT 1 AS load_id, m AS line, 1000 + m AS mailing_id, started - m * INTERVAL '6 hours' AS started_at
    FROM range({mailings}) t(m), (SELECT TIMESTAMP '{started}' AS started);
INSERT INTO raw_mailing_recipients BY NAME
    SELECT 2 AS load_id, n AS line, 1000 + n // {each} AS mailing_id, n AS mailing_to_user_id, 'sent' AS sending_status,
        CASE WHEN n % 25 = 0 THEN 'HARD' WHEN n % 30 = 1 THEN 'SOFT' ELSE 'OK' END AS delivery_status,
        CASE WHEN n % {each} = 3 THEN 'marker@marker-family.example'
            ELSE 'marker' || n % {each} || CASE WHEN n % 3 = 0 THEN '@post.example' ELSE '@Mail.example' END END AS recipient
    FROM range({mailings} * {each}) t(n);
INSERT INTO raw_links BY NAME
    SELECT 3 AS load_id, n AS line, n AS link_id, 1000 + n // 2 AS mailing_id,
        CASE WHEN n % 2 = 1 THEN n END AS mailing_to_user_id,
        CASE WHEN n % 2 = 0 THEN 'Offer for marker@example.com' END AS name,
        CASE WHEN n % 2 = 0 THEN 'https://shop.example/offer?mail=marker' ELSE 'https://own.example/marker/' || n END AS url
    FROM range({mailings} * 2) t(n);
INSERT INTO raw_clicks BY NAME
    SELECT 4 AS load_id, n AS line, 1000 + n // {each} AS mailing_id, n AS mailing_to_user_id, 2 * (n // {each}) + n % 2 AS link_id,
        'marker' AS recipient, TIMESTAMP '{started}' AS clicked_at
    FROM range({mailings} * {each}) t(n) WHERE n % 10 IN (2, 3);
INSERT INTO raw_opens BY NAME
    SELECT 5 AS load_id, n AS line, 1000 + n // {each} AS mailing_id, n AS mailing_to_user_id, TIMESTAMP '{started}' AS opened_at
    FROM range({mailings} * {each}) t(n) WHERE n % 4 = 2;
INSERT INTO raw_automated_opens BY NAME
    SELECT 6 AS load_id, n AS line, 1000 + n // {each} AS mailing_id, n AS mailing_to_user_id, TIMESTAMP '{started}' AS opened_at
    FROM range({mailings} * {each}) t(n) WHERE n % 6 = 2;
INSERT INTO raw_unsubscribes BY NAME
    SELECT 7 AS load_id, n AS line, 1000 + n // {each} AS mailing_id, n AS mailing_to_user_id, 'marker' || n AS recipient,
        TIMESTAMP '{started}' - (n // {each}) * INTERVAL '6 hours' AS unsubscribed_at
    FROM range({mailings} * {each}) t(n) WHERE n % 50 = 7;
"""

Shop = Callable[..., Project]


@pytest.fixture(scope="session")
def make_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Make a project of so many mailings to so many recipients each, a day missing, a file missing, a file late."""

    def make(mailings: int = 8, each: int = 60, settings: str = "") -> Project:
        root = new_shop(tmp_path_factory.mktemp("shop") / "shop", rehearsal=False)
        with (root / "closedloop.toml").open("a") as stream:
            stream.write(settings)
        project = load_project(root)
        _fill(project, mailings, each)
        _remember(project)
        return project

    return make


@pytest.fixture(scope="session")
def shop(make_shop: Shop) -> Project:
    """A project that tests look at and leave as it is."""
    return make_shop()


def _fill(project: Project, mailings: int, each: int) -> None:
    with warehouse(project) as stored:
        stored.prepare(project.responses())
        stored.record_waves([_wave(each)])
    connection = duckdb.connect(project.root / "var/warehouse.duckdb")
    connection.executemany(
        "INSERT INTO loads BY NAME SELECT ? AS load_id, 'de' AS client, ? AS schema_name, ? AS file, ? AS day, 1 AS size, "
        "? AS modified, '' AS sha256, 10 AS records, 9 AS loaded, 1 AS quarantined, 0 AS blank, 0 AS header, ? AS loaded_at",
        [*_loads()],
    )
    connection.execute(ROWS.format(mailings=mailings, each=each, started=STARTED))
    mark_anew(connection, project.responses())
    connection.close()


def _loads() -> Iterator[list[Any]]:
    """Name the files of all days but the 15th, of the 16th without its clicks, of the 17th with late opens."""
    number = 0
    for back in range(DAYS):
        day = date(2026, 11, 20) - timedelta(days=back)
        for schema in RESPONSE_SCHEMAS:
            number += 1
            if day.day == 15 or (day.day == 16 and schema == "clicks"):
                continue
            hour = 14 if day.day == 17 and schema == "opens" else 3
            came = datetime(day.year, day.month, day.day, hour)  # noqa: DTZ001 - as the warehouse has it
            yield [number, schema, f"{day:%Y%m%d}_{schema}.csv", day, came, came]


def _wave(written: int) -> Wave:
    sent = STARTED.replace(tzinfo=UTC) - timedelta(minutes=5)
    return Wave(
        client="de", wave_id=20261120055500, job="send_newsletter", source_mailing=1, file="x.csv", slot=sent, test=False,
        state=WaveState.CONFIRMED, selected=written + 2, written=written, dropped={"duplicate": 2}, size=1, sha256="",
        built_at=sent, published_at=sent,
    )  # fmt: skip


def _remember(project: Project) -> None:
    """Write down runs, files and an error that names somebody."""
    state = StateFolder(project.state)
    with warehouse(project) as stored, Ledger(state.ledger) as ledger:
        ledger.heal_files("de", stored.loads("de"))
        for back in range(40):
            began = NOW - timedelta(days=back)
            run = Run(f"r{back}", "pull_responses", "de", began, began + timedelta(seconds=75), int(back == 3), "{}")  # fmt: skip
            ledger.put_run(run)
    ErrorFiles(state).put(
        ErrorFile(
            name="send_newsletter-20261119T050000Z",
            run="r",
            job="send_newsletter",
            client="de",
            kind="send",
            case=Case.FAILED,
            suspends="job",
            time=NOW - timedelta(days=1),
            stage="select",
            errors=(
                Problem(
                    error="ClosedLoopError", sentence="the row of marker@example.com <b>is</b> odd"
                ),
            ),
            next_steps=(
                NextStep(
                    when="once the cause is mended", command="closedloop restart send_newsletter"
                ),
            ),
        )
    )


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium without a screen; there is none for a module that does without."""
    found = shutil.which("chromium")
    if found is None:
        lacking = "no chromium on this machine: these tests need it (apt install chromium)"
        if os.environ.get("CLOSEDLOOP_REQUIRE_CHROMIUM"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    # As root, as in a container, Chromium can't lock itself in.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()
