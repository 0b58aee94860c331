"""Who of those selected is mailed: nobody twice, nobody who left or is blocked, and every drop has its reason."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.recipients import decide, dropped, fit
from tests.core.mailing import LAYOUT, NOBODY, left, mailing_to, reasons_of


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
