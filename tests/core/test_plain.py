"""What a look at a whole column proves is what a look at each text would find."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.plain import are_small, are_without_control, repeated
from closedloop.core.recipients import CONTROL, normalised

signs = st.sampled_from([*"aZ9@._-' ", "\n", "\x7f", "\x80", "\x9f", "\xa0", "°", "ä", "ß", "\u2028"])  # fmt: skip
columns = st.lists(st.none() | st.text(signs, max_size=6), max_size=6)


def series(texts: list[str | None]) -> pl.Series:
    return pl.Series("text", texts, dtype=pl.String)


@given(columns)
def test_a_column_proven_to_be_without_control_characters_has_none(texts: list[str | None]) -> None:
    assert not (are_without_control(series(texts)) and series(texts).str.contains(CONTROL).any())


@pytest.mark.parametrize("text", ["", "Jürgen", "O'Brien", "Łódź 7", "日本"])
def test_usual_names_are_proven(text: str) -> None:
    assert are_without_control(series([text, None]))


@given(columns)
def test_a_column_proven_to_be_small_is_normalised_as_it_stands(texts: list[str | None]) -> None:
    each = series(texts)
    if are_small(each):
        assert each.to_frame().select(normalised(pl.col("text"))).to_series().to_list() == texts


def test_usual_addresses_are_proven() -> None:
    assert are_small(series(["anna.b+c@example.com", None, "o'hara_7@shop-24.de"]))


@pytest.mark.parametrize("text", ["Anna@b.de", " anna@b.de", "anna@b.de\t", "änna@b.de"])
def test_others_are_not(text: str) -> None:
    assert not are_small(series(["anna@b.de", text]))


@given(st.lists(st.none() | st.sampled_from("abcdef"), max_size=8))
def test_whoever_stood_before_is_found(texts: list[str | None]) -> None:
    before = [place for place, text in enumerate(texts) if text in texts[:place]]
    assert repeated(series(texts)).to_list() == before
