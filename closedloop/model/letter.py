"""A letter to the operators: what is said, before it is HTML and text."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Language = Literal["en", "de"]
Tone = Literal["plain", "good", "watch", "bad"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; with a `share` (0 to 1) it is a bar of that length, its text beside it."""

    text: str
    tone: Tone = "plain"
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the columns `numeric` are set to the right. `more` are sentences below it, of what it leaves out."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[int, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def bars(self) -> set[int]:
        """The columns that hold bars."""
        return {
            place for row in self.rows for place, cell in enumerate(row) if cell.share is not None
        }


@dataclass(frozen=True, slots=True)
class Step:
    """When to do something, and the command to type."""

    when: str
    command: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part under its own title: sentences, then a table, then steps; what is empty is left out."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that matters, and what it counts."""

    value: str
    label: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Letter:
    """All that one mail says, in one language. `written` is aware; `verdict` is the tone in a word or two."""

    subject: str
    language: Language
    written: datetime
    tone: Tone
    verdict: str
    headline: str
    figures: tuple[Figure, ...] = ()
    sections: tuple[Section, ...] = ()
    footer: tuple[str, ...] = ()
