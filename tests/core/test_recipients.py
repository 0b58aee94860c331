import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.recipients import (
    all_normalised,
    asked_for,
    column_disagreements,
    decide,
    dropped,
    fit,
    head,
    in_our_words,
    lines,
    masked,
    normalised,
)
from closedloop.emulator.intake import is_valid
from closedloop.errors import ProjectError
from closedloop.model.table import Column, Schema

NOBODY = pl.DataFrame(schema={"address": pl.String, "reason": pl.String})
AS_WRITTEN = pl.DataFrame(schema={"recipient": pl.String, "address": pl.String})
FILLS = {"source_mailing": 44018617811, "wave": 20261121060000}


def column(header: str, **given: Any) -> Column:
    plain = {"header": header, "name": header.lower(), "type": "string", "nullable": True}
    return Column.model_validate({**plain, **given})


def schema_of(*columns: Column, **given: Any) -> Schema:
    by_header = {column.header: column for column in columns}
    return Schema(name="subscribers", file="{date:%Y%m%d%H%M%S}.csv", columns=by_header, **given)


EMAIL = column("Email", type="email", nullable=False, max_length=30, personal=True)
SOURCE = column("BROADMAIL_ID", type="int64", nullable=False, filled="source_mailing")
WAVE = column("WELLE_ID", type="int64", filled="wave")
NAME = column("Vorname", personal=True, max_length=10)
LAYOUT = schema_of(EMAIL, SOURCE, WAVE, NAME)


def reasons_of(
    batch: pl.DataFrame,
    suppressed: pl.DataFrame = NOBODY,
    blocklist: tuple[str, ...] = (),
    schema: Schema = LAYOUT,
) -> list[str | None]:
    fitted = fit(batch, schema, "newsletter")
    return decide(fitted.address, fitted.reason, suppressed, blocklist).to_list()


def mailing_to(*addresses: str | None, **columns: list[Any]) -> pl.DataFrame:
    names = ["Anna"] * len(addresses)
    return pl.DataFrame({"Email": addresses, "Vorname": names, **columns})


def left(**reasons: str) -> pl.DataFrame:
    """Those who left, as a warehouse tells of them that took none of their signs for another."""
    spelled = pl.DataFrame({"recipient": [*reasons], "address": [*reasons]})
    gone = pl.DataFrame({"address": [*reasons], "reason": [*reasons.values()]})
    return in_our_words(gone, spelled)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        pytest.param(None, "missing address", id="null"),
        pytest.param("", "missing address", id="empty"),
        pytest.param("   ", "missing address", id="blank"),
        pytest.param("clara(at)example.com", "invalid address", id="no at sign"),
        pytest.param("a@b@example.com", "invalid address", id="two at signs"),
        pytest.param("a@localhost", "invalid address", id="no dot in the domain"),
        pytest.param("a@example..com", "invalid address", id="two dots"),
        pytest.param("a b@example.com", "invalid address", id="a blank inside"),
        pytest.param("a;b@example.com", "invalid address", id="the separator inside"),
        pytest.param("a\x07@example.com", "invalid address", id="a control character"),
        pytest.param("a@example.com\nb@example.com", "invalid address", id="two lines"),
        pytest.param(f"{'a' * 30}@example.com", "Email: longer than 30 characters", id="too long"),
        pytest.param("Jürgen@bücher.example", None, id="umlauts"),
        pytest.param("o'neill+news@example.com", None, id="signs that are allowed"),
    ],
)
def test_an_address_that_can_not_be_mailed_says_why(
    address: str | None, reason: str | None
) -> None:
    assert reasons_of(mailing_to(address)) == [reason]


# What the platform's import takes, and what it drops as invalid.
GOOD = [
    *("anna@example.com", "ANNA@EXAMPLE.COM", "a.b.c@example.com", "a+b@example.com", "1@2.de"),
    *("o'neill@example.com", "a_b-c@example.com", "-a-@example.com", "_@example.com", "a@b.cd"),
    *(
        "!#$%&*/=?^`{|}~@example.com",
        "a@b-c.example",
        "a@b--c.example",
        "a@1.example",
        "a@b.c.d.ee",
    ),
    *(f"{'a' * 64}@example.com", "a@bücher.example", "a@xn--bcher-kva.example", "a@пример.рф"),
]
BAD = [
    *(".a@example.com", "a.@example.com", "a..b@example.com", ".@example.com", "@example.com"),
    *("a@-b.example", "a@b-.example", "a@b.-example", "a@b.example-", "a@.example", "a@b.example."),
    *(
        "a@b..example",
        "a@example",
        "a@",
        "a",
        "a@b@c.example",
        "a@b.c",
        "a@127.0.0.1",
        "a@[1.2.3.4]",
    ),
    *("a\u200bb@example.com", "\u200ba@example.com", "a@exam\u200bple.com", "a@example.com\ufeff"),
    *("a\u00adb@example.com", "a@b\u200e.example", "a\u2060@example.com", "a@b.exam\u200dple"),
    *(f"{'a' * 65}@example.com", "a b@example.com", "a@b c.example", 'a"b@example.com', "a,b@c.de"),
    *("a(b)@example.com", "a:b@example.com", "<a@example.com>", "a\\b@example.com", "a@b_.example"),
    *("a@b!c.example", "mailto:a@example.com", "a@b.example/c", "a\tb@example.com", "a\x85@b.de"),
]


@pytest.mark.parametrize("address", [*GOOD, *BAD])
def test_an_address_is_invalid_here_if_the_platform_drops_it(address: str) -> None:
    layout = schema_of(EMAIL.model_copy(update={"max_length": 255}), SOURCE, WAVE, NAME)
    expected = None if is_valid(address) else "invalid address"
    assert reasons_of(mailing_to(address), schema=layout) == [expected]
    assert is_valid(address) == (address in GOOD)


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


@pytest.mark.parametrize(
    "again",
    [
        pytest.param("ANNA@Example.COM", id="capitals"),
        pytest.param("  anna@example.com\t", id="blanks around it"),
        pytest.param("\u00a0anna@example.com", id="a no-break space before it"),
    ],
)
def test_an_address_is_mailed_once_however_it_is_written(again: str) -> None:
    assert reasons_of(mailing_to("anna@example.com", again)) == [None, "duplicate"]


def test_unicode_forms_of_one_address_are_one_address() -> None:
    assert reasons_of(mailing_to("j\u00fcrgen@example.com", "ju\u0308rgen@example.com")) == [
        None,
        "duplicate",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("a@straße.example", "a@STRASSE.example", id="sharp s"),
        pytest.param("a@straße.example", "a@STRA\u1e9eE.example", id="capital sharp s"),
        pytest.param("a@ΣΑΣ.example", "a@σας.example", id="a final sigma"),
        pytest.param(
            "a@\u03c3\u03b1\u03c3.example", "a@\u03c3\u03b1\u03c2.example", id="another sigma"
        ),
        pytest.param("a@\ufb01x.example", "a@FIX.example", id="a ligature"),
        pytest.param("a@\u0390.example", "a@\u03aa\u0301.example", id="a capital of two signs"),
    ],
)
def test_letters_that_share_a_capital_are_one_letter(one: str, other: str) -> None:
    assert reasons_of(mailing_to(one, other)) == [None, "duplicate"]
    assert reasons_of(mailing_to(one), left(**{other: "bounced"})) == ["bounced"]
    assert reasons_of(mailing_to(one), blocklist=(f" {other}",)) == ["blocklisted"]


# No address holds a control character, so what counts as a blank among them does not matter.
PRINTABLE = st.characters(exclude_categories=["Cs", "Cc"])


@given(st.text(PRINTABLE, max_size=5), st.text(PRINTABLE, max_size=5))
def test_addresses_that_fold_alike_are_compared_alike(one: str, other: str) -> None:
    def folded(text: str) -> str:
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())

    spelt = [one, one.upper(), one.lower(), one.swapcase(), one.casefold(), other]
    frame = pl.DataFrame({"spelt": spelt}).select("spelt", alike=normalised(pl.col("spelt")))
    by_fold: dict[str, set[str]] = {}
    for text, alike in frame.iter_rows():
        by_fold.setdefault(folded(text), set()).add(alike)
    assert {len(alike) for alike in by_fold.values()} == {1}


def test_of_two_rows_of_one_address_the_first_that_fits_is_mailed() -> None:
    batch = mailing_to("a@example.com", "A@example.com", "a@example.com")
    batch = batch.with_columns(Vorname=pl.Series(["x" * 11, "Anna", "Berta"]))
    assert reasons_of(batch) == ["Vorname: longer than 10 characters", None, "duplicate"]


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced"])
def test_who_left_is_not_mailed_because_of_a_capital_letter(reason: str) -> None:
    gone = left(**{" Anna@EXAMPLE.com": reason})
    assert reasons_of(mailing_to("anna@example.com"), gone) == [reason]


def test_who_left_twice_is_dropped_once() -> None:
    gone = pl.DataFrame(
        {"address": ["a@example.com", "a@example.com"], "reason": ["unsubscribed", "bounced"]}
    )
    assert reasons_of(mailing_to("a@example.com", "b@example.com"), gone) == ["unsubscribed", None]


def test_a_recipient_key_that_is_no_address_suppresses_nobody() -> None:
    gone = pl.DataFrame({"address": [None, "4711"], "reason": ["bounced", "bounced"]})
    assert reasons_of(mailing_to("a@example.com", None), gone) == [None, "missing address"]


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        pytest.param("anna@example.com", True, id="one address"),
        pytest.param("ANNA@Example.com ", True, id="capitals and blanks"),
        pytest.param("nna@example.com", False, id="never a part of one"),
        pytest.param("*@example.com", True, id="a domain"),
        pytest.param("*@xample.com", False, id="never a part of a domain"),
        pytest.param("*@*.com", True, id="several stars"),
        pytest.param("anna*", True, id="a star at the end"),
        pytest.param("*ann*@*", True, id="stars all over"),
        pytest.param("anna@exampleXcom", False, id="another sign"),
        pytest.param("*@example.co.", False, id="a dot is a dot"),
        pytest.param("[a-z]nna@*", False, id="brackets are brackets"),
        pytest.param("anna@example.com|*", False, id="a bar is a bar"),
        pytest.param("(anna*", False, id="half a group"),
        pytest.param("a+nna@*", False, id="a plus is a plus"),
        pytest.param(".*@example.com", False, id="a regular expression"),
        pytest.param("*", True, id="everybody"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_blocklist_patterns_know_the_star_and_nothing_else(pattern: str, hit: bool) -> None:  # noqa: FBT001 a case's own value
    expected = "blocklisted" if hit else None
    assert reasons_of(mailing_to("anna@example.com"), blocklist=(pattern,)) == [expected]


@pytest.mark.parametrize("signs", [r"a.b+c", "a{2}", "a^b", "a$b", "a|b", "a#b&c~d", "ü-ß"])
def test_a_pattern_of_odd_signs_fits_just_them(signs: str) -> None:
    batch = mailing_to(f"{signs}@example.com", "axb@example.com")
    assert reasons_of(batch, blocklist=(f"{signs}@*.com",)) == ["blocklisted", None]


def test_thousands_of_patterns_of_each_sort_block_whom_they_name() -> None:
    each = range(20_000)
    patterns = [f"u{n}@example.com" for n in each] + [f"*@d{n}.example" for n in each]
    patterns += [f"promo{n}*@*.test" for n in range(2_000)]
    batch = mailing_to("u19999@example.com", "a@d0.example", "promo1999.x@a.test", "a@d20000.test")
    found = reasons_of(batch, blocklist=tuple(patterns))
    assert found == ["blocklisted", "blocklisted", "blocklisted", None]


def test_a_row_of_another_consent_is_dropped() -> None:
    batch = mailing_to(*(f"{letter}@example.com" for letter in "abc"))
    batch = batch.with_columns(Consent=pl.Series(["newsletter", "events", None]))
    assert reasons_of(batch) == [None, "no consent", "no consent"]


def test_the_first_reason_counts() -> None:
    batch = mailing_to("no address", consent=["events"])
    assert reasons_of(batch, blocklist=("*",)) == ["no consent"]


ADDRESSES = st.sampled_from(
    [
        *("a@example.com", "A@example.com ", "b@example.com", "no", "", None),
        *("gone@example.com", "blocked@spam.test", "c@example.com\n"),
    ]
)


@given(st.lists(st.tuples(ADDRESSES, st.sampled_from(["Anna", "x" * 11, None, ""])), max_size=40))
def test_the_counts_add_up_and_nobody_is_mailed_twice(
    rows: list[tuple[str | None, str | None]],
) -> None:
    batch = pl.DataFrame(rows, schema={"Email": pl.String, "Vorname": pl.String}, orient="row")
    fitted = fit(batch, LAYOUT, "newsletter")
    gone = left(**{"gone@example.com": "bounced"})
    reasons = decide(fitted.address, fitted.reason, gone, ["*@spam.test"])
    written = fitted.address.filter(reasons.is_null()).to_list()
    assert len(rows) == len(written) + sum(dropped(reasons).values())
    assert len(written) == len(set(written))
    assert {*written} <= {"a@example.com", "b@example.com", "c@example.com"}


@given(st.lists(ADDRESSES, min_size=1, max_size=30), st.integers(1, 7))
def test_batches_decide_as_the_whole_does(addresses: list[str | None], size: int) -> None:
    batch = mailing_to(*addresses)
    parts = [fit(piece, LAYOUT, "newsletter") for piece in batch.iter_slices(size)]
    together = decide(
        pl.concat([part.address for part in parts]),
        pl.concat([part.reason for part in parts]),
        NOBODY,
        [],
    )
    assert together.to_list() == reasons_of(batch)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a@b.de", " A@b.de", "ß@b.de", "a@b", "a\n@b.de", "", None, "x" * 31]),
            st.sampled_from(["Anna", "Ä", "zwölf Zeichen", "\x00", "\x85", "", None]),
        ),
        max_size=5,
    )
)
def test_a_row_fits_or_not_whatever_stands_beside_it(
    rows: list[tuple[str | None, str | None]],
) -> None:
    def fitted(some: list[tuple[str | None, str | None]]) -> list[tuple[str | None, ...]]:
        batch = pl.DataFrame(some, schema={"Email": pl.String, "Vorname": pl.String}, orient="row")
        found = fit(batch, LAYOUT, "newsletter")
        return found.rows.with_columns(found.address, found.reason).rows()

    assert fitted(rows) == [each for row in rows for each in fitted([row])]


def test_reasons_are_counted_most_frequent_first_then_by_name() -> None:
    reasons = pl.Series(["b", "a", None, "c", "c"], dtype=pl.String)
    assert list(dropped(reasons).items()) == [("c", 2), ("a", 1), ("b", 1)]


def test_an_empty_selection_fits() -> None:
    assert reasons_of(mailing_to().cast(pl.String)) == []


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


@given(
    st.lists(
        st.none() | st.text(alphabet=" aAzZ\t@.ßẞς\u0131İ\u212a\u017füÜ\u0308\x85\xa0", max_size=9)
    )
)
def test_many_addresses_are_normalised_as_one_is(texts: list[str | None]) -> None:
    many = pl.Series("text", texts, dtype=pl.String)
    one_by_one = many.to_frame().select(normalised(pl.col("text"))).to_series()
    assert all_normalised(many).to_list() == one_by_one.to_list()


def test_the_warehouse_is_asked_for_people_as_it_knows_them() -> None:
    # To a database the small letter of K may be another one than to us.
    spellings = pl.DataFrame(
        {"recipient": ["\u212aim@x.de", "Jörg@x.de"], "address": ["?im@x.de", "jörg@x.de"]}
    )
    people = pl.Series(["kim@x.de", None, "ann@x.de"])
    assert asked_for(people, spellings).to_list() == ["kim@x.de", "ann@x.de", "?im@x.de"]
    assert asked_for(people, AS_WRITTEN).to_list() == ["kim@x.de", "ann@x.de"]
    gone = pl.DataFrame({"address": ["?im@x.de"], "reason": ["bounced"]})
    assert ("kim@x.de", "bounced") in in_our_words(gone, spellings).rows()


def test_who_unsubscribed_and_bounced_is_unsubscribed_whatever_the_spelling() -> None:
    spellings = pl.DataFrame({"recipient": ["\u212aim@x.de"], "address": ["?im@x.de"]})
    both = pl.DataFrame(
        {"address": ["kim@x.de", "?im@x.de"], "reason": ["bounced", "unsubscribed"]}
    )
    batch = mailing_to("kim@x.de")
    assert reasons_of(batch, in_our_words(both, spellings)) == ["unsubscribed"]
