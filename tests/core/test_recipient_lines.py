"""What is written of a recipient, byte for byte, and what can't be: it drops its row, or refuses the selection."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import polars as pl
import pytest

from closedloop.core.recipients import column_disagreements, fit, head, lines, masked
from closedloop.errors import ProjectError
from closedloop.model.table import Schema
from tests.core.mailing import EMAIL, LAYOUT, NAME, column, reasons_of, schema_of

FILLS = {"source_mailing": 44018617811, "wave": 20261121060000}


@pytest.mark.parametrize(
    ("changed", "value", "reason"),
    [
        pytest.param({}, "x" * 11, "longer than 10 characters", id="too long"),
        pytest.param({}, "ü" * 10, None, id="characters count, not bytes"),
        pytest.param({}, "a\tb", "holds a control character or line break", id="tab"),
        pytest.param({}, "a\r\nb", "holds a control character or line break", id="line break"),
        pytest.param({}, "a\x85b", "holds a control character or line break", id="C1"),
        pytest.param({"nullable": False}, None, "missing", id="null"),
        pytest.param({"nullable": False}, "", None, id="an empty text is not null"),
        pytest.param(
            {"type": "int64", "max_length": None}, "12a", "not a whole number of 64 bits", id="text"
        ),
        pytest.param(
            {"type": "int64", "max_length": None},
            "9223372036854775808",
            "not a whole number of 64 bits",
            id="above 64 bits",
        ),
        pytest.param(
            {"type": "int64", "max_length": None}, "-9223372036854775808", None, id="lowest"
        ),
        pytest.param(
            {"type": "enum", "values": ("Frau", "Herr"), "unknown": "reject"},
            "frau",
            "not one of Frau, Herr",
            id="outside the list",
        ),
        pytest.param(
            {"type": "enum", "values": ("Frau", "Herr")}, "Divers", None, id="the list only warns"
        ),
        pytest.param(
            {"type": "timestamp", "max_length": None},
            "2026-11-21 6:00:00",
            "not a timestamp like %Y-%m-%d %H:%M:%S",
            id="another form",
        ),
        pytest.param(
            {"type": "timestamp", "max_length": None},
            "2026-02-30 06:00:00",
            "not a timestamp like %Y-%m-%d %H:%M:%S",
            id="no such day",
        ),
        pytest.param(
            {"type": "timestamp", "max_length": None}, "2026-11-21 06:00:00", None, id="a time"
        ),
    ],
)
def test_a_value_that_does_not_fit_its_column_drops_its_row(
    changed: dict[str, Any], value: str | None, reason: str | None
) -> None:
    layout = schema_of(EMAIL, column("Vorname", max_length=10).model_copy(update=changed))
    batch = pl.DataFrame({"Email": ["a@example.com"], "Vorname": [value]})
    assert reasons_of(batch, schema=layout) == [f"Vorname: {reason}" if reason else None]


def written(batch: pl.DataFrame, schema: Schema = LAYOUT) -> bytes:
    return lines(fit(batch, schema, "newsletter").rows, schema, FILLS)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param("Anna", b'"Anna"', id="text"),
        pytest.param(None, b"", id="null is nothing"),
        pytest.param("", b'""', id="the empty text is two quotes"),
        pytest.param('say "hi"', b'"say ""hi"""', id="quotes are doubled"),
        pytest.param("a;b", b'"a;b"', id="the separator"),
        pytest.param(" Jürgen ", b'" J\xc3\xbcrgen "', id="UTF-8, blanks kept"),
        pytest.param("123", b'"123"', id="digits in a text column"),
    ],
)
def test_the_dialect_byte_for_byte(name: str | None, field: bytes) -> None:
    batch = pl.DataFrame({"Email": [" a@example.com "], "Vorname": [name]})
    assert written(batch) == b'"a@example.com";44018617811;20261121060000;' + field + b"\n"


def test_columns_are_found_by_name_and_written_in_the_agreed_order() -> None:
    batch = pl.DataFrame({"vorname": ["Anna"], "EMAIL": ["a@example.com"]})
    assert written(batch) == b'"a@example.com";44018617811;20261121060000;"Anna"\n'


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param(7, b"7", id="int"),
        pytest.param(7.0, b"7", id="float"),
        pytest.param(Decimal("7.00"), b"7", id="decimal"),
        pytest.param("-7", b"-7", id="text"),
        pytest.param(None, b"", id="null"),
        pytest.param(2**53 + 1, b"9007199254740993", id="larger than a float can hold"),
        pytest.param(Decimal(2**62 + 1), b"4611686018427387905", id="a long decimal"),
    ],
)
def test_whole_numbers_are_written_as_such(value: object, field: bytes) -> None:
    layout = schema_of(EMAIL, column("Punkte", type="int64"))
    batch = pl.DataFrame({"Email": ["a@example.com"], "Punkte": [value]})
    assert written(batch, layout) == b'"a@example.com";' + field + b"\n"


@pytest.mark.parametrize("value", [7.5, 1e300, float("inf"), float("nan"), Decimal("7.25"), True])
def test_what_is_no_whole_number_drops_its_row_and_is_never_lost(value: object) -> None:
    layout = schema_of(EMAIL, column("Punkte", type="int64"))
    batch = pl.DataFrame({"Email": ["a@example.com"], "Punkte": [value]})
    assert reasons_of(batch, schema=layout) == ["Punkte: not a whole number of 64 bits"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param(datetime(2026, 3, 1, 6, 7, 8), b'"2026-03-01 06:07:08"', id="time"),  # noqa: DTZ001 local times
        pytest.param(date(2026, 3, 1), b'"2026-03-01 00:00:00"', id="date"),
        pytest.param("2026-03-01 06:07:08", b'"2026-03-01 06:07:08"', id="text"),
        pytest.param(None, b"", id="null"),
    ],
)
def test_times_are_written_in_the_columns_format(value: object, field: bytes) -> None:
    layout = schema_of(EMAIL, column("Seit", type="timestamp"))
    batch = pl.DataFrame({"Email": ["a@example.com"], "Seit": [value]})
    assert written(batch, layout) == b'"a@example.com";' + field + b"\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_written_as_a_word(value: float) -> None:
    layout = schema_of(EMAIL, column("Punkte"))
    batch = pl.DataFrame({"Email": ["a@example.com"] * 3, "Punkte": [value, 1.5, None]})
    assert reasons_of(batch, schema=layout)[0] == "Punkte: not a number"
    ok = batch.slice(1).with_columns(Email=pl.Series(["a@example.com", "b@example.com"]))
    assert reasons_of(ok, schema=layout) == [None, None]


@pytest.mark.parametrize(
    ("format_", "reason"),
    [
        pytest.param("%Y-%m-%d %H:%M:%S", "Seit: holds fractions of a second", id="cut"),
        pytest.param("%Y-%m-%d %H:%M:%S%.6f", None, id="told"),
    ],
)
@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_a_time_is_never_cut_silently(
    format_: str, reason: str | None, unit: Literal["ns", "us", "ms"]
) -> None:
    layout = schema_of(EMAIL, column("Seit", type="timestamp", format=format_))
    whole = datetime(2026, 3, 1, 6, 7, 8)  # noqa: DTZ001 a local time
    times = pl.Series([whole.replace(microsecond=250_000), whole, None], dtype=pl.Datetime(unit))
    batch = pl.DataFrame({"Email": [f"{n}@example.com" for n in "abc"], "Seit": times})
    assert reasons_of(batch, schema=layout) == [reason, None, None]


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        pytest.param(["a"], "string", "'Vorname' holds List", id="list"),
        pytest.param(b"a", "string", "'Vorname' holds Binary", id="bytes"),
        pytest.param(
            datetime(2026, 3, 1, tzinfo=UTC), "timestamp", "into the client's local time", id="zone"
        ),
    ],
)
def test_a_column_that_can_not_be_written_is_refused(
    value: object, type_: str, expected: str
) -> None:
    layout = schema_of(EMAIL, column("Vorname", type=type_))
    batch = pl.DataFrame({"Email": ["a@example.com"], "Vorname": [value]})
    with pytest.raises(ProjectError, match=expected):
        fit(batch, layout, "newsletter")


def test_a_header_is_written_only_where_the_schema_wants_one() -> None:
    assert head(schema_of(EMAIL, NAME, header="none")) == b""
    assert head(schema_of(EMAIL, NAME, header="required")) == b"Email;Vorname\n"


@pytest.mark.parametrize(
    ("yielded", "sentences"),
    [
        pytest.param(["Email", "Vorname"], [], id="just the columns"),
        pytest.param(["vorname", "EMAIL", "Consent"], [], id="any order and case, and consent"),
        pytest.param(
            ["Email"],
            ["column 'Vorname' of schemas/subscribers.toml is not selected"],
            id="lacking",
        ),
        pytest.param(
            ["Email", "Vornamen"],
            [
                "column 'Vorname' of schemas/subscribers.toml is not selected",
                "column 'Vornamen' is not in schemas/subscribers.toml; did you mean 'Vorname'?",
            ],
            id="misspelt",
        ),
        pytest.param(
            ["Email", "Vorname", "points"],
            ["column 'points' is not in schemas/subscribers.toml; leave it out"],
            id="one more",
        ),
        pytest.param(
            ["Email", "Vorname", "WELLE_ID"],
            ["column 'WELLE_ID' is filled by closedloop: leave it out"],
            id="filled",
        ),
        pytest.param(
            ["Email", "Vorname", "email"], ["column 'email' is selected twice"], id="twice"
        ),
    ],
)
def test_a_selection_yields_just_the_columns_of_its_schema(
    yielded: list[str], sentences: list[str]
) -> None:
    assert column_disagreements(yielded, LAYOUT) == sentences


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("anna.mueller@mail.example.com", "a***@***.com", id="address"),
        pytest.param("a@b.de", "a***@***.de", id="short"),
        pytest.param("o@x@y.de", "o***@***.de", id="two at signs"),
        pytest.param("a@bücher.de", "a***@***.de", id="umlaut"),
    ],
)
def test_a_preview_shows_neither_address_nor_name(address: str, shown: str) -> None:
    layout = schema_of(EMAIL, NAME, column("Link"))
    link = f"see https://shop.example/?u={address} now"
    batch = pl.DataFrame({"Email": [address], "Vorname": ["Cleopatra"], "Link": [link]})
    assert masked(batch, layout).row(0) == (shown, "C***", "see *** now")
