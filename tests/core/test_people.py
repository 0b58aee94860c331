"""People in the text of files: found in every spelling, told apart from others, hidden without moving a byte."""

import tomllib
import unicodedata
from pathlib import Path

import polars as pl
import pytest

from closedloop.core.forgotten import folded
from closedloop.core.people import People, hide, reading_of, take_out
from closedloop.model.table import Schema

SCHEMAS = Path(__file__).parents[2] / "schemas"


def schema(name: str) -> Schema:
    return Schema.model_validate(tomllib.loads((SCHEMAS / f"{name}.toml").read_text()))


CLICKS = schema("clicks")
PLAIN = reading_of(b"", None)


def found(recipient: str, text: str) -> list[str]:
    return [mention[0].decode() for mention in People([recipient]).mentions(text.encode())]


@pytest.mark.parametrize(
    ("recipient", "text"),
    [
        ("anna@example.com", "ANNA@Example.com"),
        ("Anna@example.com", "?m=anna%40example.com&x"),
        ("anna@example.com", "u%3Danna%40EXAMPLE.com%26"),
        ("a+b@example.com", "m=a%2Bb%40example.com"),
        ("strasse@example.com", "straße@example.com"),
        ("STRAẞE@example.com", "strasse@example.com"),
        ("jörg@example.com", "JÖRG@example.com"),
        ("jörg@example.com", unicodedata.normalize("NFD", "jörg@example.com")),
        ("jörg@example.com", "m=j%C3%B6rg%40example.com"),
        ("kiss@kiss.is", "\u212ai\u017fs@kiss.is"),
        ("νίκος@example.com", "ΝΊΚΟΣ@example.com"),
        ("4711", "1;4711;x"),
        ("AB-12", '1;"AB-12";x'),
    ],
)
def test_every_spelling_is_found(recipient: str, text: str) -> None:
    assert len(found(recipient, f"first line\n{text}\nlast line\n")) == 1


@pytest.mark.parametrize(
    ("recipient", "text"),
    [
        ("anna@example.com", "joanna@example.com"),
        ("anna@example.com", "x.anna@example.com"),
        ("anna@example.com", "anna@example.com.au"),
        ("anna@example.com", "anna@example.community"),
        ("anna@example.com", "anna@exampleXcom"),
        ("jörg@example.com", "jorg@example.com"),
        ("4711", "1;47112;x"),
        ("4711", "1;a-4711;x"),
    ],
)
def test_nobody_else_is_found(recipient: str, text: str) -> None:
    assert found(recipient, text) == []


def test_what_is_one_recipient_here_is_one_recipient_everywhere() -> None:
    spellings = ["straße@example.com", "STRASSE@EXAMPLE.COM", " strasse@example.com"]
    assert len(set(folded(pl.Series(spellings)))) == 1
    assert len(set(folded(pl.Series(["AB-12", "ab-12"])))) == 2


def test_delivered_records_keep_every_other_byte() -> None:
    text = (
        b"4711;7;1;1;\"Anna@example.com\";2026-11-19 09:00:00;anna@example.com;Linux;\n"
        b"4711;7;2;1;ben@example.com;2026-11-19 09:00:00;Firefox;Linux;\n"
        b"4711;broken anna@example.com\n"
    )  # fmt: skip
    cleared = hide(text, People(["anna@example.com"]), reading_of(text.partition(b"\n")[0], CLICKS))
    assert cleared.records == 2
    assert cleared.text == text.replace(b"Anna@example.com", b"*" * 16).replace(b"anna@example.com", b"*" * 16)  # fmt: skip


def test_a_customers_own_key_is_hidden_only_where_a_recipient_stands() -> None:
    text = b"4711;7;1;1;4711;2026-11-19 09:00:00;;;\n4711;7;1;1;ben;2026-11-19 09:00:00;;;\n"
    cleared = hide(text, People(["4711"]), reading_of(text.partition(b"\n")[0], CLICKS))
    assert cleared.text == text.replace(b"1;4711;", b"1;****;")
    assert cleared.records == 1


def test_a_header_says_which_field_is_personal() -> None:
    head = b"created;userId;mailingToUserId;mailingGroupId;mailingId\n"
    rows = b"2026-11-19 09:00:00;4711;4711;1;7\n"
    cleared = hide(head + rows, People(["4711"]), reading_of(head, schema("unsubscribes")))
    assert cleared.text == head + b"2026-11-19 09:00:00;****;4711;1;7\n"


def test_records_of_ours_are_taken_out_whole() -> None:
    text = b'"a@x.example";1;2;"Frau"\n"b@x.example";1;2;"Frau"\n"c@x.example";1;2;"a@x.example"\n'
    cleared = take_out(text, People(["A@x.example"]), PLAIN)
    assert (cleared.text, cleared.records) == (b'"b@x.example";1;2;"Frau"\n', 2)
