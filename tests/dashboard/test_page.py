"""The page's file: nobody's data, nothing from elsewhere, whole or not at all."""

import base64
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from closedloop.cli import Clock, Setting, cli
from closedloop.commands.followed import followed
from closedloop.core.german_page import PAGE_WORDS, SCRIPT_WORDS
from closedloop.core.tongue import CATALOGUE
from closedloop.errors import ClosedLoopError, ProjectError, RemoteError, StateTrouble, TryLater
from closedloop.project import Project

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASSETS = files("closedloop.dashboard") / "assets"
OUR_SCRIPTS = ("figures.js", "tables.js", "charts.js", "start.js")

MakeShop = Callable[..., Project]


def told(project: Project, *words: str) -> str:
    ended = CliRunner().invoke(
        cli,
        ["-p", str(project.root), "--now", NOW.isoformat(), "dashboard", *words],
        standalone_mode=False,
    )
    if ended.exception:
        raise ended.exception
    return ended.output


def pulled(project: Project, error: Exception | None = None, job: str = "pull_responses") -> None:
    """Do what a run does around its work."""
    with followed(Setting(project.root, Clock(NOW)), project, project.job(job)):
        if error:
            raise error


@pytest.fixture(scope="module")
def html(shop: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    told(shop, str(path))
    return path.read_text("utf-8")


@pytest.fixture
def configured(make_shop: MakeShop) -> Project:
    return make_shop(mailings=1, each=10, settings='\n[dashboard]\nfile = "out/page.html"\n')


def test_nobody_is_on_it(html: str) -> None:
    assert "marker" not in html
    assert "@" not in re.sub(r"/\*!.*?\*/|@media|@page", "", html, flags=re.DOTALL)


def test_what_it_says_of_an_error_is_text_and_names_the_command(html: str, shop: Project) -> None:
    assert "the row of *** &lt;b&gt;is&lt;/b&gt; odd" in html
    assert f"<code>closedloop --project {shop.root} restart send_newsletter</code>" in html


def test_it_lets_nothing_load_but_its_own_script_and_style(html: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)[0]
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)[0]
    hashes = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (script, style)]  # fmt: skip
    (policy,) = re.findall(r'Security-Policy" content="(.*?)"', html)
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert re.findall(r"sha256-([^&]+)", policy) == hashes
    assert not re.findall(r"(?:src|href)=\"(?!#)", html)


def test_the_calendar_says_in_words_what_its_colours_say(html: str) -> None:
    for sentence in (
        "2026-11-15: missing; 0 of 8 files, 9 days left",
        "2026-11-16: incomplete; 7 of 8 files, 63 rows, 7 rejected, Missing: clicks, 10 days left",
        "2026-11-17: late or restated; 8 of 8 files, 72 rows, 8 rejected",
        "2026-11-18: complete; 8 of 8 files, 72 rows, 8 rejected",
    ):
        assert f'<span class="hidden">{sentence}</span>' in html


def test_what_is_lost_and_what_may_bring_it_waits_for_a_person(shop: Project) -> None:
    later = "2026-12-02T12:00+00:00"
    words = ["-p", str(shop.root), "--now", later, "dashboard", "-"]
    page = CliRunner().invoke(cli, words, standalone_mode=False).output
    waits = page[page.index('id="attention"') : page.index('id="overview"')]
    assert "Lost:</strong> 2026-11-15 (all files); 2026-11-16 (clicks). The server keeps" in waits
    assert "<li>2026-11-21: all files," in waits
    assert f"<code>closedloop --project {shop.root} run pull_responses</code>" in waits
    much_later = [*words[:3], "2027-02-01T12:00+00:00", "dashboard", "-"]
    page = CliRunner().invoke(cli, much_later, standalone_mode=False).output
    assert "Lost:</strong> 2027-01-04 to 2027-01-17 (all files). The" in page


def test_it_speaks_the_language_of_its_section_or_of_the_mail(make_shop: MakeShop) -> None:
    mail = '\n[mail]\nurl = "smtp://localhost"\nfrom = "a@example.com"\nto = ["b@example.com"]\nlanguage = "de"\n'
    german = make_shop(mailings=1, each=10, settings=mail)
    told(german)
    text = (german.root / "var/dashboard.html").read_text("utf-8")
    assert '<html lang="de">' in text
    assert "Stand 20.11.2026 13:00 CET" in text
    assert "17.11.2026: verspätet oder ersetzt; 8 von 8 Dateien, 72 Zeilen, 8 abgewiesen" in text
    both = make_shop(mailings=1, each=10, settings=f'{mail}\n[dashboard]\nlanguage = "en"\n')
    assert both.settings.page_language == "en"


def test_all_that_the_page_says_is_known_in_german() -> None:
    template = (ASSETS / "page.html.j2").read_text("utf-8")
    said = set(re.findall(r"""say\((?:"([^"]+)"|'[^']+')""", template)) - {""}
    assert len(said) > 30
    assert said - {*CATALOGUE} == set()
    assert {*SCRIPT_WORDS} - {*CATALOGUE} == set()


def test_the_scripts_say_only_what_is_handed_to_them() -> None:
    text = "".join((ASSETS / name).read_text("utf-8") for name in OUR_SCRIPTS)
    said = set(re.findall(r'say\("([^"]+)"', text))
    assert len(said) > 15
    assert said - {*SCRIPT_WORDS} == set()
    unsaid = [word for word in SCRIPT_WORDS if f'"{word}"' not in text]
    assert unsaid == []
    assert {*SCRIPT_WORDS} - {*PAGE_WORDS} <= {"unsubscribed", "bounced"}


def test_a_project_that_never_pulled_has_a_page_too(make_shop: MakeShop) -> None:
    fresh = make_shop(mailings=1, each=10)
    (fresh.root / "var/warehouse.duckdb").unlink()
    (fresh.root / "var/ledger.sqlite").unlink()
    told(fresh)
    assert "Nothing was delivered yet." in (fresh.root / "var/dashboard.html").read_text("utf-8")
    assert not (fresh.root / "var/warehouse.duckdb").exists()


def test_without_its_state_folder_there_is_no_page(make_shop: MakeShop) -> None:
    lost = make_shop(mailings=1, each=10)
    shutil.rmtree(lost.state)
    with pytest.raises(StateTrouble, match="the state folder is not there"):
        told(lost)
    assert not lost.state.exists()


def test_its_group_may_read_it_and_no_part_is_left(shop: Project, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert f"{path}: " in told(shop, str(path))
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


def test_a_mistyped_folder_is_not_made(shop: Project, tmp_path: Path) -> None:
    path = tmp_path / "wwww" / "page.html"
    with pytest.raises(ProjectError, match=f"there is no folder {path.parent}; make it first"):
        told(shop, str(path))
    assert [*tmp_path.iterdir()] == []


def test_a_dash_prints_it(
    shop: Project, html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told(shop, "-") == html
    assert [*tmp_path.iterdir()] == []


def test_where_it_can_t_be_written_the_one_before_stays(shop: Project, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    (tmp_path / "page.html.part").mkdir()
    with pytest.raises(ClosedLoopError, match=r"page\.html: Is a directory"):
        told(shop, str(path))
    assert path.read_text() == "before"


def test_a_pull_writes_it_where_the_settings_say_so(configured: Project, shop: Project) -> None:
    pulled(configured)
    pulled(shop)
    assert (configured.root / "out/page.html").stat().st_size > 50_000
    assert not list(shop.root.rglob("dashboard.html"))


def test_a_pull_that_failed_writes_it_too_and_one_that_waits_or_a_send_does_not(
    configured: Project,
) -> None:
    path = configured.root / "out/page.html"
    with pytest.raises(TryLater):
        pulled(configured, TryLater("another run is under way"))
    pulled(configured, job="send_newsletter")
    assert not path.exists()
    with pytest.raises(RemoteError):
        pulled(configured, RemoteError("the server is away"))
    assert path.exists()


def test_it_is_written_anew_once_something_changed_or_an_hour_is_over(configured: Project) -> None:
    path, ledger = configured.root / "out/page.html", configured.root / "var/ledger.sqlite"
    pulled(configured)
    first = path.stat().st_mtime
    path.write_text("old")
    os.utime(path, (first, first))
    pulled(configured)
    assert path.read_text() == "old"
    os.utime(ledger, (first + 3599, first + 3599))
    pulled(configured)
    assert path.read_text() == "old"
    os.utime(ledger, (first + 3600, first + 3600))
    pulled(configured)
    assert path.read_text() != "old"
    path.write_text("old")
    os.utime(path, (first, first))
    os.utime(ledger, (first, first))
    os.utime(configured.root / "var/warehouse.duckdb", (first + 1, first + 1))
    pulled(configured)
    assert path.read_text() != "old"


def test_no_trouble_with_it_fails_a_pull(
    configured: Project, caplog: pytest.LogCaptureFixture
) -> None:
    (configured.root / "out").write_text("in the way")
    with caplog.at_level(logging.WARNING, "closedloop"):
        pulled(configured)
    assert "the page could not be written" in caplog.text
