"""The reader against a plain state machine that reads the same grammar one byte at a time."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from closedloop.core.parse import read
from closedloop.model.table import Schema

MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Seen:
    kind: str
    line: int
    raw: str = ""
    fields: tuple[str | None, ...] = ()


class Oracle:
    """Reads a record from each physical line on, and goes on after it, or after the line if it is none."""

    def __init__(self, content: bytes, separator: bytes, fields: int, longest: int) -> None:
        self.text = content[3:] if content[:3] == MARK else content
        self.separator, self.count, self.longest = separator, fields, longest

    def __iter__(self) -> Iterator[Seen]:
        at, line = 0, 1
        while at < len(self.text):
            end = self.text.find(b"\n", at)
            end = len(self.text) if end < 0 else end
            content = self.stripped(at, end)
            found = self.record(at)
            if len(content) > self.longest:
                yield Seen("broken", line, shown(content[: self.longest]))
            elif not content.strip(b" \t\r".replace(self.separator, b"")):
                yield Seen("blank", line)
            elif found is None:
                yield Seen("broken", line, shown(content))
            else:
                fields, after = found
                end = after
                yield Seen("row", line, shown(self.stripped(at, end)), fields)
            line += self.text.count(b"\n", at, end) + 1
            at = end + 1

    def stripped(self, at: int, end: int) -> bytes:
        return self.text[at:end].removesuffix(b"\r") if end < len(self.text) else self.text[at:end]

    # One state machine, in one place, however many branches it has.
    def record(self, at: int) -> tuple[tuple[str | None, ...], int] | None:  # noqa: C901, PLR0912
        """The fields of the record that starts here, and where its line end is."""
        fields, start, state = [b""], at, "fresh"
        while True:
            sign = self.text[at : at + 1]
            over = sign in (b"\n", b"") or self.text[at : at + 2] == b"\r\n"
            if state == "quoted" and sign == b"":
                return None
            if state != "quoted" and over:
                break
            if state == "quoted":
                if sign == b'"':
                    state = "closing"
                else:
                    fields[-1] += sign
            elif sign == self.separator:
                fields.append(b"")
                state = "fresh"
            elif sign == b'"' and state == "fresh":
                state = "quoted"
            elif sign == b'"' and state == "closing":
                fields[-1] += sign
                state = "quoted"
            elif sign == b"\r" or state == "closing":
                return None
            else:
                fields[-1] += sign
                state = "bare"
            at += 1
        if len(fields) != self.count or at - start > self.longest:
            return None
        after = at + 1 if self.text[at : at + 1] == b"\r" else at
        try:
            return tuple(field.decode() or None for field in fields), after
        except UnicodeDecodeError:
            return None


def shown(content: bytes) -> str:
    return content.decode(errors="backslashreplace")


def schema(fields: int, separator: str) -> Schema:
    columns = {
        f"c{i}": {"header": f"c{i}", "name": f"c{i}", "type": "string", "nullable": True}
        for i in range(fields)
    }
    given = {"name": "t", "file": "t", "header": "none", "separator": separator, "columns": columns}
    return Schema.model_validate(given)


SIGNS = [b'"', b'""', b";", b",", b"\t", b"\n", b"\r\n", b"\r", b" ", b"a", b"b", b"\x00", b"1"]
ODD = [
    MARK,
    b"\xff",
    "ä".encode(),
    b"\xc3",
    b"\xed\xa0\x80",
    "€".encode(),
    b"\x0b",
    b"\xe2\x80\xa8",
]
TURNS = [b'";', b'\n"', b'"\n', b';"', b"a;b\n", b'"a";"b"\n', b'"a\nb";c\n', b'"a;b";\n', b";;\n"]
BREAKS = [
    b'b"x;y\n',
    b'"b"x;y\n',
    b'"";""\n',
    b"a\n",
    b'"a\r\n""b";"c\n";d\r\n',
    b"  \n",
    b'x;";";"\n',
]
CONTENT = st.lists(st.sampled_from(SIGNS + ODD + TURNS + BREAKS), max_size=24).map(b"".join)


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 5) if size and size > 0 else size)


@settings(max_examples=1500, deadline=None)
@given(
    content=CONTENT,
    fields=st.sampled_from([1, 2, 2, 2, 3]),
    separator=st.sampled_from([";", ";", ",", "\t"]),
    block=st.sampled_from([1, 2, 7, 16, 64, 1000]),
    longest=st.sampled_from([1, 4, 9, 20, 1000]),
)
@example(b'"a\n"', 1, ";", 1, 4)
@example(MARK, 2, ";", 1, 4)
@example(b"a;b\r", 2, ";", 1, 4)
@example(b'b";"\n' * 30, 2, ";", 7, 1000)
def test_the_reader_sees_what_the_grammar_says(
    content: bytes, fields: int, separator: str, block: int, longest: int
) -> None:
    expected = list(Oracle(content, separator.encode(), fields, longest))
    found, blank = [], 0
    for part in read(Trickle(content), schema(fields, separator), block, longest):
        raw = part.raw(part.frame["line"].to_list())
        found += [Seen("row", row[0], raw[row[0]], row[1:]) for row in part.frame.iter_rows()]
        found += [Seen("broken", broken.line, broken.raw) for broken in part.broken]
        blank += part.blank
        assert part.header == 0
    found.sort(key=lambda seen: seen.line)
    wanted = [seen for seen in expected if seen.kind != "blank"]
    assert found == wanted
    assert blank == len(expected) - len(wanted)
