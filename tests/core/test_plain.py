"""What a look at a whole column proves is what a look at each text would find."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.core.plain import are_between, are_one, are_small, are_without_control, repeated
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


@given(st.lists(st.tuples(st.none() | st.sampled_from("abcdef"), st.booleans()), max_size=10))
def test_whoever_stood_before_is_found(rows: list[tuple[str | None, bool]]) -> None:
    among = [place for place, (_, is_among) in enumerate(rows) if is_among]
    texts = [text for text, _ in rows]
    before = [p for p in among if texts[p] in [texts[earlier] for earlier in among if earlier < p]]
    assert repeated(series(texts), pl.Series(among, dtype=pl.UInt32)).to_list() == before


PLACES = st.lists(st.sampled_from([*"0159 :-/x", "ä", "\0", "\x7f"]), max_size=3).map("".join)


@given(st.lists(st.none() | PLACES, max_size=6))
def test_texts_proven_to_lie_between_two_have_their_signs_between(texts: list[str | None]) -> None:
    expected = all(re.fullmatch("[0-9]:[0-5]", text) for text in texts if text is not None)
    assert are_between(series(texts), "0:0", "9:5") == expected


@pytest.mark.parametrize("place", [0, 8_191, 8_192, 19_999])
@pytest.mark.parametrize("text", ["2020-1- 1", "2020-1-1/", "2020-1-1:", "2020-1-6\xff", "2020-1-"])
def test_one_odd_text_among_thousands_is_found(text: str, place: int) -> None:
    texts = ["2020-01-1"] * 20_000
    assert are_between(series([*texts]), "0000-00-0", "9999-99-9")
    texts[place] = text
    assert not are_between(series([*texts]), "0000-00-0", "9999-99-9")


@given(st.lists(st.none() | st.sampled_from(["", "a", "b"]), max_size=4))
def test_texts_are_one_if_all_are_the_same(texts: list[str | None]) -> None:
    assert are_one(series(texts)) == (len({*texts}) == 1 and texts[0] is not None)
