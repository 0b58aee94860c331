"""Files made by dice: right rows and odd ones, noise, and what is bent out of shape."""

import random
from typing import Any

from closedloop.core.parse import MAX_RECORD
from closedloop.model.table import Schema
from tests.core.plain_reader import MARK, Case

NUMBERS = ["0", "7", "007", "-12", "9223372036854775807", "9223372036854775808", "+5", " 5", "5\n"]
NUMBERS += ["5.0", "1e3", "\u0665", "12x4", "", "-", "44015200417", "-9223372036854775808"]
TIMES = ["2021-01-01 12:07:55", "2021-10-31 02:30:00", "2021-03-28 02:30:00", "2021-02-30 10:00:00"]
TIMES += ["2021-1-1 12:07:55", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2021-01-01T12:07:55"]
TIMES += ["2021-07-01 12:07:55\n", "", "x", "2020-02-29 00:00:00", "2021-01-01 12:07:60"]
WORDS = ["", "a", "b", "\u00e4\u20ac", "a\0b", "xxxxxxxxxxxx", 'b"x', '"', "a;b", "a,b\tc", "a\nb"]
WORDS += ["a\r\nb", "\r", "\x1b[31m", "\U0001f600", " ", "OK", "HARD", "ok", "\ufeff", "\u2028"]
CELLS = {"int64": NUMBERS, "timestamp": TIMES, "string": WORDS, "enum": WORDS}
NOISE = [b'"', b'""', b";", b",", b"\t", b"\n", b"\r\n", b"\r", b" ", b"a", b"1", b"\0", MARK]
NOISE += [
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b'";',
    b'\n"',
    b'"\n',
    b"a;b\n",
    b'"a\nb";c\n',
    b";;\n",
]
LONG = 60
LENGTHENED = 1 / 100  # so many files are long


def schemas() -> list[Schema]:
    number = {"type": "int64"}
    word = {"type": "string", "nullable": True, "max_length": 8}
    time = {"type": "timestamp", "nullable": True}
    state = {"type": "enum", "values": ("OK", "HARD")}
    shapes: list[dict[str, dict[str, Any]]] = [
        {"id": number, "name": word},
        {"name": word},
        {"id": number},
        {"id": number, "at": {**time, "nullable": False}, "state": {**state, "nullable": True}},
        {"name": word, "state": {**state, "unknown": "reject"}, "at": time, "id": number},
        {"id": number, "extra": {**word, "optional": True}, "name": word},
    ]
    return [
        Schema.model_validate(
            {
                "name": f"t{place}",
                "file": "t",
                "header": header,
                "separator": separator,
                "columns": {
                    name: {"header": name, "name": name, **column} for name, column in shape.items()
                },
            }
        )
        for place, shape in enumerate(shapes)
        for header, separator in (("none", ";"), ("auto", ";"), ("required", ","), ("none", "\t"))
    ]


class Maker:
    """Makes files, each from the dice alone."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 dice, not keys
        self.schemas = schemas()

    def case(self) -> Case:
        pick = self.dice.choice
        schema = pick(self.schemas)
        names = [column.name for column in schema.columns.values()]
        header = schema.header == "required" or (schema.header == "auto" and pick([True, False]))
        if header:
            self.dice.shuffle(names)
            names = [n for n in names if n != "extra" or pick([True, False])]
        places = {name: place for place, name in enumerate(names)}
        start = (
            self.line([pick([n, n.upper(), f" {n} "]) for n in names], schema) if header else b""
        )
        if not header and (schema.header == "auto" or "extra" in names):
            # What stands first shows which columns there are, and that it is no header.
            start = self.line([self.right(schema, name) for name in names], schema)
        body = pick([self.rows, self.rows, self.noise, self.chaos])(schema, names)
        content = pick([b"", b"", MARK]) + start + self.bent(body)
        longest = pick([LONG, LONG, 400])
        if self.dice.random() < LENGTHENED:
            # Long enough for the proof that takes many good records at once.
            content = pick([b"", MARK]) + start + self.lengthened(schema, names) + self.bent(body)
            longest = pick([40_000, MAX_RECORD])
            return Case(content, schema, places, header, pick([300, 40_000, 100_000]), longest)
        return Case(content, schema, places, header, pick([1, 9, 40, 40, 300, 4000]), longest)

    def lengthened(self, schema: Schema, names: list[str]) -> bytes:
        """Good records that are quoted alike and end alike, or not, with a few others among them."""
        end, quoted = self.dice.choice([b"\n", b"\n", b"\r\n"]), self.dice.choice([0, 0.5, 1])
        lines = []
        for _ in range(2000):
            cells = [self.right(schema, name) for name in names]
            written = [f'"{cell}"' if self.dice.random() < quoted else cell for cell in cells]
            lines.append(schema.separator.join(written).encode() + end)
        for _ in range(self.dice.randrange(3)):
            lines.insert(self.dice.randrange(2000), self.bent(self.dice.choice(lines)))
        return b"".join(lines)

    def rows(self, schema: Schema, names: list[str]) -> bytes:
        lines = []
        for _ in range(self.dice.randrange(9)):
            cells = [self.cell(schema, name) for name in names]
            lines.append(self.line(cells, schema))
            if self.dice.random() < 0.2:
                lines.append(
                    self.dice.choice([b"\n", b"  \r\n", b"a\n", b"x" * 70 + b"\n", b'"\n'])
                )
        return b"".join(lines)

    def cell(self, schema: Schema, name: str) -> str:
        if self.dice.random() < 0.7:
            return self.right(schema, name)
        return self.dice.choice(CELLS[schema.column(name).type])

    def right(self, schema: Schema, name: str) -> str:
        plain = {"int64": str(self.dice.randrange(1, 99)), "timestamp": TIMES[0], "string": "a"}
        return plain.get(schema.column(name).type, "OK")

    def noise(self, _schema: Schema, _names: list[str]) -> bytes:
        return b"".join(self.dice.choices(NOISE, k=self.dice.randrange(24)))

    def chaos(self, _schema: Schema, _names: list[str]) -> bytes:
        return self.dice.randbytes(self.dice.randrange(60))

    def line(self, cells: list[str], schema: Schema) -> bytes:
        end = self.dice.choice([b"\n", b"\n", b"\r\n"])
        return schema.separator.encode().join(map(self.written, cells)) + end

    def written(self, cell: str) -> bytes:
        quoted = '"' + cell.replace('"', '""') + '"'
        is_odd = any(sign in cell for sign in '";,\t\r\n')
        return (quoted if is_odd or self.dice.random() < 0.2 else cell).encode()

    def bent(self, body: bytes) -> bytes:
        """Now and then something is put in, taken out or cut off anywhere."""
        turn = self.dice.random()
        at = self.dice.randrange(len(body) + 1)
        if turn < 0.25:
            return body[:at] + self.dice.choice(NOISE) + body[at:]
        if turn < 0.35:
            return body[:at] + body[at + 1 :]
        return body[:at] if turn < 0.45 else body
