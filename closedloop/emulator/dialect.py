"""How a line of a response file is written, and how it is broken on purpose."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.emulator.config import Export

Values = Sequence[str | None]
TIMES = frozenset({"created", "started", "finished"})
NUMBERS = frozenset(
    {"id", "linkId", "mailingId", "mailingToUserId", "mailingGroupId", "compoundMasterId"}
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The agreed way of writing a CSV: separator `;`, doubled quotes, the knobs for the rest."""

    export: Export

    def line(self, values: Values) -> bytes:
        """Write one line; None is nothing between separators."""
        end = "\r\n" if self.export.eol == "crlf" else "\n"
        return (";".join(map(self._field, values)) + end).encode()

    def start(self, header: Values) -> bytes:
        """Return what comes before the first line of values."""
        mark = "\ufeff".encode() if self.export.bom else b""
        return mark + (self.line(header) if self.export.header else b"")

    def broken(self, header: Sequence[str], count: int, luck: random.Random) -> list[bytes]:
        """Return lines that no reader may take for rows, of each sort in turn."""
        sorts = (
            self._short,
            self._long,
            self._text_after_a_quote,
            self._unclosed,
            self._bad_encoding,
            self._bad_number,
            self._bad_time,
            self._missing_key,
        )
        return [sorts[turn % len(sorts)](_sample(header, luck), header) for turn in range(count)]

    def _field(self, value: str | None) -> str:
        if value is None:
            return ""
        quoted = f'"{value.replace(chr(34), chr(34) * 2)}"'
        if self.export.quoting == "all":
            return quoted
        must = any(mark in value for mark in ";\r\n") or value.startswith('"')
        if self.export.quoting == "minimal":
            must = must or '"' in value
        return quoted if must or not value else value

    def _short(self, values: list[str], header: Sequence[str]) -> bytes:
        return self.line(values[:2])

    def _long(self, values: list[str], header: Sequence[str]) -> bytes:
        return self.line([*values, "one", "too many"])

    def _text_after_a_quote(self, values: list[str], header: Sequence[str]) -> bytes:
        return b'"broken"x;' + self.line(values[1:])

    def _unclosed(self, values: list[str], header: Sequence[str]) -> bytes:
        return b'"never closed;' + self.line(values[1:]).replace(b'"', b"")

    def _bad_encoding(self, values: list[str], header: Sequence[str]) -> bytes:
        return self.line([*values[:-1], "Gr@e"]).replace(b"@", b"\xfc\xdf")

    def _bad_number(self, values: list[str], header: Sequence[str]) -> bytes:
        return self.line(_changed(values, header.index("mailingGroupId"), "44o15"))

    def _bad_time(self, values: list[str], header: Sequence[str]) -> bytes:
        times = [place for place, name in enumerate(header) if name in TIMES]
        place = times[0] if times else header.index("mailingGroupId")
        return self.line(_changed(values, place, "2026-13-32 25:61:00"))

    def _missing_key(self, values: list[str], header: Sequence[str]) -> bytes:
        key = header.index("id" if "id" in header else "mailingToUserId")
        return self.line(_changed(values, key, None))


def _changed(values: Sequence[str], place: int, value: str | None) -> list[str | None]:
    return [*values[:place], value, *values[place + 1 :]]


def _sample(header: Sequence[str], luck: random.Random) -> list[str]:
    number = str(luck.randrange(8 * 10**18, 9 * 10**18))
    texts = {**dict.fromkeys(TIMES, "2026-01-02 03:04:05"), **dict.fromkeys(NUMBERS, number)}
    return [texts.get(name, "1") for name in header]
