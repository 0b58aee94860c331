import random

import pytest

from closedloop.core.grammar import Grammar
from closedloop.core.proof import prove

SIGNS = [b'"', b'"', b";", b";", b"\n", b"\n", b"\r\n", b"\r", b"a", b"\0", b'""', b"\xff", b"\xc3\xa4"]  # fmt: skip
CELLS = [b"", b"a", b'"a"', b'""', b"\xc3\xa4", b'"b c"', b'""""', b'"a;b"', b'"a\nb"', b'a"', b"\xc3", b"\xa9"]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"1;a;x\n2;;\n", id="bare"),
        pytest.param(b'"1";"a";"x"\n"2";"";""\n', id="all quoted"),
        pytest.param(b'1;"a";\n"2";b;"c"\n', id="some quoted"),
        pytest.param(b'1;a;x\r\n"2";"b";"y"\r\n', id="CRLF"),
        pytest.param(b'1;a;x\r\n2;b;"y"\n', id="mixed line ends"),
        pytest.param("1;ä;\U0001f600\n2;\0;\t\n".encode(), id="any signs"),
    ],
)
def test_plain_records_are_proven(text: bytes) -> None:
    proof = prove(text * 3, b";", 3)
    assert proof
    assert (proof.records, proof.clean) == (6, b"\0" not in text)


def test_what_is_proven_the_grammar_reads_as_so_many_records() -> None:
    dice, proven = random.Random(1), 0  # noqa: S311 dice, not keys
    for _ in range(10_000):
        fields = dice.choice([2, 2, 3])
        lines = [b";".join(dice.choices(CELLS, k=fields)) for _ in range(dice.randrange(1, 4))]
        odd = b"".join(dice.choices(SIGNS, k=dice.randrange(12)))
        text = dice.choice([b"\n".join(lines), odd, lines[0] + odd]) + b"\n"
        proof = prove(text, b";", fields)
        if proof:
            proven += 1
            assert proof.records == len(read(text, fields)) == text.count(b"\n")
            assert proof.clean == (min(text.replace(b"\r\n", b"\n").replace(b"\n", b" ")) >= 32)
    assert proven > 300


def read(text: bytes, fields: int) -> list[tuple[bytes, ...]]:
    """The records of a text, as far as they are good."""
    grammar, at, found = Grammar(";", fields, 1000), 0, list[tuple[bytes, ...]]()
    while at < len(text):
        record = grammar.record(text, at)
        if record.broken:
            break
        found.append(record.fields)
        at = record.end
    return found
