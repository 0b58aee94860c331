"""The page in a real browser: what it shows, how it is used, what it asks of the network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Locator, Page

from closedloop.cli import cli
from closedloop.edges import warehouse
from closedloop.newsettings import Answers, client_section
from closedloop.project import Project

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
NOW = "2026-11-20T12:00+00:00"

REACTIONS = ("opens_unique", "automated_opens_unique", "clicks_unique", "unsubscribes")

Row = dict[str, Any]


@dataclass
class Seen:
    """A page that is open, what its console said and what it asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def choose(self, **values: str) -> None:
        for name, value in values.items():
            self.page.locator(f"select[name={name}]").select_option(value)

    def table(self, section: str) -> Locator:
        return self.page.locator(f"#{section} table").last

    def column(self, section: str, place: int) -> list[str]:
        return self.table(section).locator(f"tbody tr > :nth-child({place})").all_inner_texts()

    def funnel(self) -> dict[str, str]:
        lines = self.page.locator("#funnel li").all()
        return {line.locator(".name").inner_text(): line.locator(".number").first.inner_text() for line in lines}  # fmt: skip


Open = Callable[..., Seen]


def write(project: Project) -> Path:
    path = project.root / "page.html"
    ended = CliRunner().invoke(
        cli, ["-p", str(project.root), "--now", NOW, "dashboard", str(path)], standalone_mode=False
    )
    assert ended.exception is None, ended.exception
    return path


@pytest.fixture(scope="module")
def written(shop: Project) -> Path:
    return write(shop)


@pytest.fixture(scope="module")
def five_weeks(make_shop: Callable[..., Project]) -> Path:
    return write(make_shop(120, 4))


@pytest.fixture(scope="module")
def crowded(make_shop: Callable[..., Project]) -> Path:
    """The page of two clients in German, whose words are long."""
    section = client_section(Answers("at", "sftp.example.com", 22, "r", "k", ("ssh-rsa AAAA",)))
    return write(make_shop(8, 60, f'{section}\n[dashboard]\nlanguage = "de"\n'))


@pytest.fixture
def look(browser: Browser, written: Path) -> Iterator[Open]:
    opened = []

    def look_at(path: Path = written, width: int = 1400, scheme: Any = "light") -> Seen:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(page)
        seen = Seen(page)
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(path.as_uri())
        return seen

    yield look_at
    for page in opened:
        page.close()


def campaigns(project: Project) -> list[Row]:
    with warehouse(project, read_only=True) as stored:
        return stored.rows("SELECT * FROM campaigns ORDER BY started_at DESC")


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


def test_it_says_nothing_on_the_console_and_asks_for_nothing(look: Open, written: Path) -> None:
    seen = look()
    seen.choose(weeks="", scope="ours")
    seen.page.locator("#mailings tbody button").first.click()
    assert (seen.said, seen.asked) == ([], [written.as_uri()])


def test_the_mailings_are_those_of_the_warehouse(look: Open, shop: Project) -> None:
    seen = look()
    seen.choose(weeks="")
    rows = [
        line.locator("th, td").all_inner_texts()
        for line in seen.table("mailings").locator("tbody tr").all()
    ]
    hour = timedelta(hours=1)
    assert rows == [
        [
            f"{row['started_at'] + hour:%Y-%m-%d %H:%M}",
            str(row["mailing_id"]),
            "send_newsletter" if row["mailing_id"] == 1000 else "\N{EN DASH}",
            str(row["recipients"]),
            percent(row["delivered"], row["recipients"]),
            *(percent(row[key], row["delivered"]) for key in REACTIONS),
            percent(row["hard"] + row["soft"], row["recipients"]),
        ]
        for row in campaigns(shop)
    ]


def test_the_funnel_is_of_all_mailings_or_of_the_one_chosen(look: Open, shop: Project) -> None:
    seen, rows = look(), campaigns(shop)
    seen.choose(weeks="")
    steps = {
        "Mailed": "recipients", "Delivered": "delivered", "Opened by people": "opens_unique",
        "Opened by machines": "automated_opens_unique", "Clicked": "clicks_unique", "Unsubscribed": "unsubscribes",
    }  # fmt: skip
    assert seen.funnel() == {name: str(sum(row[key] for row in rows)) for name, key in steps.items()}  # fmt: skip
    seen.page.get_by_role("button", name="1000", exact=True).click()
    assert seen.funnel() == {"Written": "60", **{name: str(rows[0][key]) for name, key in steps.items()}}  # fmt: skip
    assert seen.page.evaluate("document.activeElement.id") == "funnel-title"
    seen.page.get_by_role("button", name="All mailings again").click()
    assert seen.funnel()["Mailed"] == str(sum(row["recipients"] for row in rows))


def test_a_chart_shows_the_sums_of_each_week_as_a_table_too(look: Open, shop: Project) -> None:
    seen, sums = look(), {"2026-11-16": 0, "2026-11-09": 0}
    for row in campaigns(shop):
        sums["2026-11-16" if row["started_at"].day >= 16 else "2026-11-09"] += row["delivered"]
    figure = seen.page.locator("[data-chart=volume]")
    figure.get_by_text("As a table").click()
    figure.locator("tbody tr").first.wait_for()
    cells = [line.locator("th, td").all_inner_texts() for line in figure.locator("tbody tr").all()]
    assert {week: delivered for week, delivered, _ in cells} == {
        week: str(count) for week, count in sums.items() if count
    }
    assert figure.locator(".ct-bar").count() == 2 * len(cells)


def test_a_table_is_sorted_searched_and_leafed_through_by_keyboard(look: Open) -> None:
    seen = look()
    seen.choose(weeks="")
    head = seen.table("runs").locator("thead th").first
    assert head.get_attribute("aria-sort") == "descending"
    first = seen.column("runs", 1)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert seen.column("runs", 1)[0] == "2026-10-12 14:00"
    head.locator("button").press("Space")
    assert seen.column("runs", 1) == first
    seen.page.locator("#runs").get_by_role("button", name="Forth").press("Enter")
    assert seen.page.locator("#runs [role=status]").inner_text() == "16 to 30 of 40"
    seen.page.locator("#runs input").press_sequentially("FAILED")
    assert seen.column("runs", 3) == ["failed"]


def test_period_and_own_waves_choose_what_is_shown(look: Open) -> None:
    seen = look()
    seen.choose(weeks="4")
    assert seen.page.locator("#runs [role=status]").inner_text() == "1 to 15 of 26"
    seen.choose(scope="ours")
    assert seen.column("mailings", 2) == ["1000"]
    assert seen.column("links", 2) == ["1000", "1000"]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_axe_finds_no_obstacle(look: Open, width: int, scheme: str) -> None:
    page = look(width=width, scheme=scheme).page
    page.locator("summary").first.click()
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 20
    assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]] == []


def test_nothing_sticks_out_on_a_phone(look: Open) -> None:
    assert look(width=390).page.evaluate("document.documentElement.scrollWidth") == 390


def test_no_table_sticks_out_of_a_usual_window(look: Open, crowded: Path) -> None:
    # 1280 pixels without the scroll bar.
    tables = look(crowded, width=1265).page.locator(".sheet").all()
    assert len(tables) == 5
    for table in tables:
        assert table.evaluate("table => table.scrollWidth <= table.closest('.scroll').clientWidth")


@pytest.mark.parametrize("width", [390, 700, 1265])
def test_the_labels_of_a_chart_never_meet(look: Open, five_weeks: Path, width: int) -> None:
    seen = look(five_weeks, width=width)
    seen.choose(weeks="")
    boxes = """axis => [...axis.querySelectorAll('.ct-label.ct-horizontal')].map(label => {
        const text = document.createRange();
        text.selectNodeContents(label);
        const { left, right } = text.getBoundingClientRect();
        return [left, right];
    })"""
    charts = seen.page.locator(".chart").all()
    assert len(charts) == 5
    for chart in charts:
        places = chart.evaluate(boxes)
        assert len(places) > 1
        assert [after[0] - before[1] > 4 for before, after in pairwise(places)] == [True] * (
            len(places) - 1
        )
        assert places[-1][1] <= width


def test_on_paper_a_table_is_whole(look: Open) -> None:
    page = look().page
    page.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('#runs tbody tr').length; })"
    )
    page.pdf()
    assert page.evaluate("window.printed") == 40
    assert page.locator("#runs [role=status]").inner_text() == "1 to 15 of 40"


def test_on_paper_it_is_dark_on_white_without_what_one_clicks(look: Open) -> None:
    page = look(scheme="dark").page
    page.emulate_media(media="print")
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"[{style}.backgroundColor, {style}.color]") == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]  # fmt: skip
    assert not page.locator(".bar, .search, .leaves button").filter(visible=True).count()
    assert page.pdf().startswith(b"%PDF")


def test_of_two_clients_one_can_be_chosen(look: Open, make_shop: Callable[..., Project]) -> None:
    section = client_section(
        Answers("at", "sftp.example.com", 22, "r", "keys/id", ("ssh-rsa AAAA",))
    )
    shop = make_shop(settings=section)
    assert [*shop.settings.clients] == ["de", "at"]
    seen = look(write(shop))
    assert seen.table("mailings").locator("thead th").last.inner_text().startswith("Client")
    assert seen.column("mailings", 11) == ["de"] * 8
    seen.choose(client="at")
    assert seen.column("mailings", 11) == []
    assert seen.page.locator("#mailings [role=status]").inner_text() == "nothing here"
    assert seen.page.locator(".calendars > :visible").inner_text().startswith("at: Nothing")


def test_ten_thousand_mailings_are_as_quick_as_ten(
    look: Open, make_shop: Callable[..., Project]
) -> None:
    path = write(make_shop(mailings=10_000, each=10))
    assert path.stat().st_size < 2_500_000
    seen = look(path)
    seen.choose(weeks="")
    assert seen.page.locator("#mailings [role=status]").inner_text() == "1 to 15 of 10,000"
    assert seen.page.evaluate("document.querySelectorAll('*').length") < 6000
    sort = """() => {
        const start = performance.now();
        document.querySelectorAll('#mailings th button')[5].click();
        document.body.getBoundingClientRect();
        return performance.now() - start;
    }"""
    # 40 ms on a quiet machine.
    assert seen.page.evaluate(sort) < 1000
