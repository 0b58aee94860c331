"""A reader's language: words, numbers and dates as they are usual there."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.core.german import NOUNS, PATTERNS, WORDS
from closedloop.core.german_page import PAGE_WORDS
from closedloop.model.letter import Language

ONE = 1
CATALOGUE = PAGE_WORDS | WORDS
TO_GERMAN_DIGITS = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Tongue:
    """Says the program's English in a language; what the catalogue lacks stays English."""

    language: Language
    zone: ZoneInfo

    def say(self, text: str, **values: object) -> str:
        """Return a text with its `{values}`; whole numbers among them are written as usual."""
        known = CATALOGUE.get(text, text) if self.language == "de" else text
        return known.format(**{key: self._shown(value) for key, value in values.items()})

    def count(self, amount: int, noun: str) -> str:
        """Return an amount with its English noun, in the plural where it is not one."""
        one, more = (noun, f"{noun}s")
        if self.language == "de":
            one, more = NOUNS.get(noun, (one, more))
        return f"{self.number(amount)} {one if amount == ONE else more}"

    def term(self, text: str) -> str:
        """Return a term of the program's own (a rule, a reason, a status), also where a value is a part of it."""
        if self.language == "en":
            return text
        if text in CATALOGUE:
            return CATALOGUE[text]
        for pattern, german in PATTERNS.items():
            if found := re.fullmatch(pattern, text):
                return german.format(*found.groups())
        lead, colon, rest = text.partition(": ")
        return f"{lead}: {self.term(rest)}" if colon else text

    def number(self, amount: int) -> str:
        """Return a whole number."""
        return self._digits(f"{amount:,}")

    def percent(self, share: float, digits: int = 0) -> str:
        """Return a share as a percentage."""
        text = self._digits(f"{100 * share:,.{digits}f}")
        return f"{text} %" if self.language == "de" else f"{text}%"

    def day(self, day: date) -> str:
        """Return a day."""
        return f"{day:%d.%m.%Y}" if self.language == "de" else f"{day:%Y-%m-%d}"

    def moment(self, moment: datetime) -> str:
        """Return a time on the reader's clock, with the clock's zone."""
        local = moment.astimezone(self.zone)
        return f"{self.day(local.date())} {local:%H:%M %Z}"

    def span(self, span: timedelta) -> str:
        """Return how long something lasted, in its largest unit."""
        minutes = round(span.total_seconds() / 60)
        for unit, length in (("day", 24 * 60), ("hour", 60)):
            if minutes >= 2 * length:
                return self.count(minutes // length, unit)
        return self.count(minutes, "minute")

    def _digits(self, text: str) -> str:
        return text.translate(TO_GERMAN_DIGITS) if self.language == "de" else text

    def _shown(self, value: object) -> object:
        return self.number(value) if isinstance(value, int) else value
