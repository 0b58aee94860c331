"""Which addresses can be mailed, and which of them are one address."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.recipients import all_normalised, asked_for, in_our_words, normalised
from closedloop.emulator.intake import is_valid
from tests.core.mailing import EMAIL, NAME, SOURCE, WAVE, left, mailing_to, reasons_of, schema_of


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


@given(
    st.lists(
        st.none() | st.text(alphabet=" aAzZ\t@.ßẞς\u0131İ\u212a\u017füÜ\u0308\x85\xa0", max_size=9)
    )
)
def test_many_addresses_are_normalised_as_one_is(texts: list[str | None]) -> None:
    many = pl.Series("text", texts, dtype=pl.String)
    one_by_one = many.to_frame().select(normalised(pl.col("text"))).to_series()
    assert all_normalised(many).to_list() == one_by_one.to_list()


AS_WRITTEN = pl.DataFrame(schema={"recipient": pl.String, "address": pl.String})


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
