"""A subscriber file, read as strictly as its agreement is written.

No header, `;` between columns, LF at the end of a line, text in `"` with `"` doubled inside, the same number of
columns in each line, nothing between separators for NULL, UTF-8 without a byte order mark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
PLAIN = re.compile(r'[^";\r\n]*')
INT64 = range(-(2**63), 2**63)
LONGEST_TEXT = 255
MOST_FAILURES = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """One line that breaks the agreement; the text never quotes a value."""

    line: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One line of the file: its values by column, None where nothing stood."""

    line: int
    values: dict[str, str | None]

    @property
    def address(self) -> str:
        """The address as delivered."""
        return self.values["Email"] or ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A subscriber file that keeps to the agreement: one source mailing, one wave."""

    subscribers: list[Subscriber]
    source_mailing: int
    wave: int | None


def read(content: bytes, columns: tuple[str, ...]) -> Upload | list[Failure]:
    """Return the upload, or every failure found (at most `MOST_FAILURES`)."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Failure(line, "ENCODING", "not UTF-8")]
    if text.startswith("\ufeff"):
        return [Failure(1, "ENCODING", "starts with a byte order mark")]
    good: list[Subscriber] = []
    failures: list[Failure] = []
    for found in _subscribers(text, columns):
        if isinstance(found, Failure):
            failures.append(found)
        else:
            good.append(found)
        if len(failures) >= MOST_FAILURES:
            break
    return failures or _upload(good)


def _upload(good: list[Subscriber]) -> Upload | list[Failure]:
    if not good:
        return [Failure(0, "EMPTY", "the file holds no recipient")]
    for column in ("BROADMAIL_ID", "WELLE_ID"):
        first = good[0].values[column]
        for each in good:
            if each.values[column] != first:
                return [Failure(each.line, "SEVERAL", f"a second {column} in one file")]
    wave = good[0].values["WELLE_ID"]
    source = good[0].values["BROADMAIL_ID"]
    return Upload(good, int(source or 0), int(wave) if wave is not None else None)


def _subscribers(text: str, columns: tuple[str, ...]) -> Iterator[Subscriber | Failure]:
    for line, values in _records(text):
        if isinstance(values, Failure):
            yield values
            continue
        failure = _failure(line, values, columns)
        yield failure or Subscriber(line, dict(zip(columns, values, strict=True)))


def _failure(line: int, values: list[str | None], columns: tuple[str, ...]) -> Failure | None:
    if len(values) != len(columns):
        return Failure(line, "COLUMNS", f"{len(values)} columns where {len(columns)} are agreed")
    for column, value in zip(columns, values, strict=True):
        if value is None:
            if column == "BROADMAIL_ID":
                return Failure(line, "MISSING", f"{column} is missing")
        elif column in ("BROADMAIL_ID", "WELLE_ID"):
            if not re.fullmatch("-?[0-9]{1,19}", value) or int(value) not in INT64:
                return Failure(line, "NUMBER", f"{column} is not a whole number of 64 bits")
        elif len(value) > LONGEST_TEXT:
            return Failure(line, "LENGTH", f"{column} is longer than {LONGEST_TEXT} characters")
    return None


def _records(text: str) -> Iterator[tuple[int, list[str | None] | Failure]]:
    """Yield each line's number with its values; after a failure, go on with the next line."""
    position, line = 0, 1
    while position < len(text):
        values, end = _record(text, position)
        if values is None:
            broken = "carriage return" if text[end : end + 1] == "\r" else "quoting"
            yield line, Failure(line, "QUOTING", f"{broken} breaks the line")
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
        else:
            yield line, values
        line += text.count("\n", position, end) + 1
        position = end + 1


def _record(text: str, position: int) -> tuple[list[str | None] | None, int]:
    """Return the values of the line that starts here and its end, or None and where it breaks."""
    values: list[str | None] = []
    while True:
        quoted = QUOTED.match(text, position)
        if quoted:
            values.append(quoted[1].replace('""', '"'))
            position = quoted.end()
        else:
            plain = PLAIN.match(text, position)
            end = plain.end() if plain else position
            values.append(text[position:end] or None)
            position = end
        if text[position : position + 1] != ";":
            break
        position += 1
    ended = text[position : position + 1] in ("\n", "")
    return (values if ended else None), position
