"""A letter's two pictures say the same, need nothing from elsewhere, and show no address."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.letter import letter_for
from closedloop.core.past import Past
from closedloop.core.tongue import Tongue
from closedloop.mail.render import as_html, as_text
from closedloop.model.file import Counts
from closedloop.model.job import RESPONSE_SCHEMAS, PullJob
from closedloop.model.letter import Cell, Letter, Section, Table
from closedloop.model.run import (
    FileOutcome,
    FileStatus,
    MailingFigures,
    MissingFile,
    PullResult,
    RunReport,
)
from closedloop.model.wave import Wave, WaveState

NOW = datetime(2026, 11, 30, 5, tzinfo=UTC)


class Page(HTMLParser):
    """What a mail client sees: the words, the tags, the addresses that would be fetched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.styles: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href")]
        self.styles += [str(value) for name, value in attrs if name == "style"]

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_html_and_text_say_the_same(letter: Letter) -> None:
    shown, text = Page(as_html(letter)), as_text(letter)
    for word in ("well", "pull_responses", "8", "files", "Nothing.", "status", "clicks", "1,200"):
        assert word in shown.words
    assert "closedloop status" in text
    assert "clicks  ██········ 1,200" in text


def test_what_a_table_leaves_out_is_counted_below_it(letter: Letter) -> None:
    table = Table(("File",), ((Cell("clicks"),),), more=("and 8 more",))
    short = replace(letter, sections=(Section("Files", table=table),))
    assert "clicks\nand 8 more\n" in as_text(short)
    html = as_html(short)
    assert html.index("</td></tr>", html.index("clicks")) < html.index("and 8 more")


def test_a_page_asks_nobody_for_anything_and_lays_out_with_tables(letter: Letter) -> None:
    html = as_html(letter)
    page = Page(html)
    assert page.fetched == []
    assert "table" in page.tags
    assert not page.tags & {"img", "script", "link", "svg", "div", "canvas", "iframe"}
    assert "url(" not in html
    styles = " ".join(page.styles)
    assert "padding" in styles
    assert "flex" not in styles
    assert "grid" not in styles


def test_styles_stand_in_the_tags_and_the_dark_ones_stay_in_the_head(letter: Letter) -> None:
    html = as_html(letter)
    head, _, body = html.partition("</head>")
    assert 'style="' in body
    assert "@media (prefers-color-scheme:dark)" in head.replace(": ", ":")
    assert 'name="color-scheme"' in head
    assert "<!--[if mso]>" in body


def test_a_bar_is_cells_whose_widths_add_up(letter: Letter) -> None:
    html = as_html(letter)
    assert 'width="25%"' in html
    assert 'width="75%"' in html


@pytest.mark.parametrize(
    ("share", "widths"), [(0.0, ["100%"]), (0.001, ["1%", "99%"]), (1.0, ["100%"])]
)
def test_a_bar_is_never_longer_than_whole_and_shows_what_is_not_nothing(
    share: float, widths: list[str], letter: Letter
) -> None:
    table = Table(("",), ((Cell("x", "plain", share),),))
    bars = as_html(replace(letter, sections=(Section("Bars", table=table),)))
    found = bars.split('class="bar"')[1].split("</table>")[0]
    assert [part.split('"')[0] for part in found.split(' width="')[2:]] == widths


def test_no_address_and_no_markup_gets_through(letter: Letter) -> None:
    sentence = "anna@example.com said <b>'no & never'</b>"
    given = replace(letter, headline=sentence, sections=(Section(sentence, (sentence,)),))
    html, text = as_html(given), as_text(given)
    assert "anna" not in html + text
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "*** said <b>'no & never'</b>" in text


def test_the_longest_pull_stays_below_what_a_mail_client_cuts_off() -> None:
    days = [date(2026, 11, 1) + timedelta(days=n) for n in range(30)]
    wave = Wave(
        client="de", wave_id=20261101060000, job="send", source_mailing=1, file="x" * 40, slot=None,
        test=False, state=WaveState.CONFIRMED, selected=9, written=9, dropped={}, size=1, sha256="",
        built_at=NOW, mailings=2, seen=9, mailing_id=1,
    )  # fmt: skip
    result = PullResult(
        files=tuple(
            FileOutcome(
                f"{day:%Y%m%d}_{schema}.csv", schema, day, FileStatus.REFUSED, Counts(900, 99),
                (("link_id", "not a whole number", 9), ("recipient", "longer than 255 characters", 90)),
                ("browser: 3 values outside the list",), "more than the job's limit of 5% " * 3,
            )
            for day in days
            for schema in RESPONSE_SCHEMAS
        ),
        missing=tuple(MissingFile(schema, day, 3) for day in days for schema in RESPONSE_SCHEMAS),
        mailings=(MailingFigures(44018617811, NOW, 48210, 3),) * 40,
        held=("x" * 40,) * 40,
        waves=(wave,) * 40,
    )  # fmt: skip
    report = RunReport(
        "run-1", "home", "de", NOW, NOW, result, ("a note of some length " * 4,) * 90
    )
    job = PullJob(name="home", kind="pull", client="de")
    letter = letter_for(report, job, Past(), Tongue("de", ZoneInfo("Europe/Berlin")))
    assert letter
    assert 50_000 < len(as_html(letter).encode()) < 100_000
