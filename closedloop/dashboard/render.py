"""The page as one HTML file that needs nothing from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from closedloop.core.german_page import PAGE_WORDS, SCRIPT_WORDS
from closedloop.core.tongue import Tongue
from closedloop.model.page import DayState, DeliveryDay, Page
from closedloop.model.privacy import without_addresses

SCRIPTS = ("chartist.js", "figures.js", "tables.js", "charts.js", "start.js")
STATES = {
    DayState.COMPLETE: "complete",
    DayState.LATE: "late or restated",
    DayState.PARTIAL: "incomplete",
    DayState.MISSING: "missing",
    DayState.AWAITED: "awaited",
}
ONE_DAY = timedelta(days=1)
SIGNS = {
    DayState.COMPLETE: "✓",
    DayState.LATE: "◷",
    DayState.PARTIAL: "◑",
    DayState.MISSING: "✕",
    DayState.AWAITED: "…",
}


def as_html(page: Page) -> str:
    """Return the page; whatever script or style is not its own is refused by its own content security policy."""
    zone = page.written.tzinfo
    tongue = Tongue(page.language, zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC"))
    script = "\n".join(map(_asset, SCRIPTS))
    style = _asset("page.css")
    template = _environment(tongue).get_template("page.html.j2")
    html: str = template.render(
        page=page,
        figures=_figures(page, tongue),
        script=script,
        style=style,
        policy=_policy(script, style),
        verdict=_verdict(page),
        incomplete=[calendar for calendar in page.calendars if calendar.gaps or calendar.lost],
        signs=SIGNS,
        states=STATES,
        weekdays=_weekdays(page, tongue),
        mondays=_monday,
        told=partial(_told, tongue),
        losses=partial(_losses, tongue),
    )
    return html


def _figures(page: Page, tongue: Tongue) -> str:
    """Return what the scripts work with, as JSON that can stand within HTML."""
    given = {
        "language": page.language,
        "today": page.written.date().isoformat(),
        "clients": page.clients,
        "words": {word: PAGE_WORDS.get(word, tongue.term(word)) for word in SCRIPT_WORDS}
        if page.language == "de"
        else {},
        "sheets": [asdict(sheet) for sheet in page.sheets],
    }
    text = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _policy(script: str, style: str) -> str:
    # The charts set widths by attribute, so attributes are let in; neither they nor anything else can load.
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src-elem '{_hash(style)}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _verdict(page: Page) -> str:
    if page.troubles:
        return "bad"
    incomplete = any(calendar.gaps or calendar.lost for calendar in page.calendars)
    return "watch" if incomplete else "good"


def _losses(tongue: Tongue, days: Sequence[DeliveryDay]) -> str:
    """Return days of which something is lost, those in a row that lost the same as one."""
    stretches: list[list[DeliveryDay]] = []
    for day in days:
        before = stretches[-1][-1] if stretches else None
        if before and (day.day - before.day, day.missing) == (ONE_DAY, before.missing):
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return "; ".join(_lost(tongue, stretch[0], stretch[-1]) for stretch in stretches)


def _lost(tongue: Tongue, first: DeliveryDay, last: DeliveryDay) -> str:
    when = tongue.day(first.day)
    if first != last:
        when = tongue.say("{first} to {last}", first=when, last=tongue.day(last.day))
    what = ", ".join(first.missing) if first.came else tongue.say("all files")
    return f"{when} ({what})"


def _weekdays(page: Page, tongue: Tongue) -> list[str]:
    monday = page.written.date() - timedelta(days=page.written.weekday())
    return [tongue.say(f"{monday + timedelta(days=n):%A}") for n in range(7)]


def _monday(week: Iterable[DeliveryDay | None]) -> date:
    first = next(day.day for day in week if day)
    return first - timedelta(days=first.weekday())


def _told(tongue: Tongue, day: DeliveryDay) -> str:
    """Return what the calendar's colour and sign say of a day, in words."""
    parts = [tongue.say("{came} of {expected} files", came=day.came, expected=day.expected)]
    if day.came:
        parts.append(tongue.count(day.rows, "row"))
    if day.rejected:
        parts.append(tongue.say("{n} rejected", n=day.rejected))
    if 0 < day.came < day.expected:
        parts.append(f"{tongue.say('Missing')}: {', '.join(day.missing)}")
    if day.is_lost:
        parts.append(tongue.say("lost"))
    elif day.missing and day.state is not DayState.AWAITED:
        parts.append(tongue.say("{days} left", days=tongue.count(day.days_left or 0, "day")))
    return f"{tongue.day(day.day)}: {tongue.say(STATES[day.state])}; {', '.join(parts)}"


def _environment(tongue: Tongue) -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        # Whatever has crept into a sentence: the page holds nobody's address.
        finalize=lambda value: without_addresses(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "say": tongue.say, "count": tongue.count, "number": tongue.number, "day": tongue.day, "moment": tongue.moment,
    }  # fmt: skip
    return environment


def _asset(name: str) -> str:
    return (files("closedloop.dashboard") / "assets" / name).read_text(encoding="utf-8")
