"""What a column usually holds, and when it is taken for another one."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from closedloop.core.header import Layout
from closedloop.core.shape import may_be_shifted, sentence, shifted
from closedloop.model.table import Schema

MakeSchema = Callable[..., Schema]
Columns = dict[str, list[Any]]
NUMBERS = {"client": {"type": "int64"}, "mailing": {"type": "int64"}, "who": {"type": "int64"}}
TEXTS: dict[str, dict[str, Any]] = {"recipient": {}, "browser": {}, "platform": {}}


def day(number: int, rows: int = 30) -> Columns:
    """A day's numbers: one client, two mailings, a recipient for each row; IDs rise from day to day."""
    return {
        "client": [44015200417] * rows,
        "mailing": [44020000000 + 2 * number + row % 2 for row in range(rows)],
        "who": [25951000000 + 1000 * number + row for row in range(rows)],
    }


def words(number: int, rows: int = 30) -> Columns:
    return {
        "recipient": [f"u{number}.{row}@example.com" for row in range(rows)],
        "browser": [["Firefox 64", "Chrome 80", "Safari 12"][row % 3] for row in range(rows)],
        "platform": [["Windows 10", "Linux", None][row % 3] for row in range(rows)],
    }


def as_if(found: Columns, **places: str) -> Columns:
    """The same, but some columns hold what belongs to another one: `as_if(day(9), client="mailing")`."""
    return {name: found[places.get(name, name)] for name in found}


def judged(found: Columns, usual: list[Columns], schema: Schema) -> dict[str, str]:
    kinds = {
        c.name: pl.Int64() if c.type == "int64" else pl.String() for c in schema.columns.values()
    }
    return shifted(
        pl.DataFrame(found, kinds), [pl.DataFrame(each, kinds) for each in usual], schema
    )


@pytest.mark.parametrize("rows", [1, 30])
def test_numbers_that_changed_places_are_named(schema: MakeSchema, rows: int) -> None:
    usual = [day(number) for number in range(5)]
    found = as_if(day(9, rows), client="mailing", mailing="client")
    assert judged(found, usual, schema(**NUMBERS)) == {"client": "mailing", "mailing": "client"}


def test_numbers_that_moved_by_one_place_are_named(schema: MakeSchema) -> None:
    found = as_if(day(9), client="mailing", mailing="who", who="client")
    assert judged(found, [day(1), day(2)], schema(**NUMBERS)) == {
        "client": "mailing",
        "mailing": "who",
        "who": "client",
    }


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(day(9), id="the next days"),
        pytest.param(day(4000), id="long after"),
        pytest.param({**day(9), "client": [77] * 30}, id="another client"),
        pytest.param(
            {**day(9), "mailing": [44015200999] * 30}, id="a mailing beside the client's number"
        ),
        pytest.param(
            {**day(9), "mailing": [25951000500] * 30}, id="a mailing among the recipients"
        ),
        pytest.param({**day(9), "who": [44020000019] * 30}, id="recipients among the mailings"),
        pytest.param({name: [] for name in NUMBERS}, id="nothing"),
    ],
)
def test_new_numbers_are_not_taken_for_others(schema: MakeSchema, found: Columns) -> None:
    assert judged(found, [day(number) for number in range(5)], schema(**NUMBERS)) == {}


def test_without_earlier_rows_nothing_is_usual(schema: MakeSchema) -> None:
    found = as_if(day(9), client="mailing", mailing="client")
    assert judged(found, [], schema(**NUMBERS)) == {}
    assert judged(found, [day(1, rows=4)], schema(**NUMBERS)) == {}


def test_numbers_from_one_sequence_are_told_by_how_they_repeat(schema: MakeSchema) -> None:
    columns = schema(mailing={"type": "int64"}, who={"type": "int64"})

    def sequence(number: int) -> Columns:
        first = 1_000_000 * number
        return {"mailing": [first] * 100, "who": [first + 1 + row for row in range(100)]}

    usual = [sequence(number) for number in range(5)]
    assert judged(sequence(5), usual, columns) == {}
    found = as_if(sequence(5), mailing="who", who="mailing")
    assert judged(found, usual, columns) == {"mailing": "who", "who": "mailing"}
    each_for_itself = {"mailing": sequence(5)["who"], "who": sequence(6)["who"]}
    assert judged(each_for_itself, usual, columns) == {}


def test_a_list_of_numbers_in_a_text_is_numbers_too(schema: MakeSchema) -> None:
    columns = schema(client={"type": "int64"}, lists={})
    usual: list[Columns] = [{"client": [44] * 20, "lists": ["9001,9002", "9003"] * 10}]
    found: Columns = {"client": [9001, 9003], "lists": ["44", "44"]}
    assert judged(found, usual, columns) == {"client": "lists", "lists": "client"}


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize(
    ("one", "other"), [("recipient", "browser"), ("recipient", "platform"), ("browser", "platform")]
)
def test_texts_that_changed_places_are_named(
    schema: MakeSchema, one: str, other: str, rows: int
) -> None:
    found = as_if(words(9, rows), **{one: other, other: one})
    assert judged(found, [words(1), words(2)], schema(**TEXTS)) == {one: other, other: one}


def test_addresses_elsewhere_tell_though_nothing_came_in_exchange(schema: MakeSchema) -> None:
    found: Columns = {**words(9, 1), "recipient": [None], "browser": ["u9@example.com"]}
    assert judged(found, [words(1), words(2)], schema(**TEXTS)) == {"browser": "recipient"}


STATUS: dict[str, dict[str, Any]] = {
    "delivery": {"type": "enum", "values": ["OK", "HARD"]},
    "reply": {"type": "enum", "values": ["unknown", "bounce"]},
    "name": {},
}


@pytest.mark.parametrize(
    ("delivery", "reply", "looks"),
    [
        pytest.param("bounce", "HARD", {"delivery": "reply", "reply": "delivery"}, id="both"),
        pytest.param(None, "OK", {"reply": "delivery"}, id="one of them empty"),
        pytest.param("OK", None, {}, id="as usual"),
        pytest.param("DELAYED", "unknown", {}, id="a new value"),
        pytest.param("OK", "HARD", {}, id="a value of the other beside its own"),
    ],
)
def test_values_of_another_list_are_told_without_having_seen_many(
    schema: MakeSchema, delivery: str | None, reply: str | None, looks: dict[str, str]
) -> None:
    usual: Columns = {"delivery": ["OK"] * 6, "reply": [None] * 6, "name": ["a"] * 6}
    found: Columns = {"delivery": [delivery] * 2, "reply": [reply] * 2, "name": ["a"] * 2}
    assert judged(found, [usual], schema(**STATUS)) == looks


def test_a_name_in_digits_is_not_taken_for_a_list_of_numbers(schema: MakeSchema) -> None:
    usual: list[Columns] = [{"name": ["Winter"] * 20, "lists": ["9001,9002"] * 20}]
    found: Columns = {"name": ["2026"], "lists": ["none"]}
    assert judged(found, usual, schema(name={}, lists={})) == {}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(words(9), id="the next days"),
        pytest.param({**words(9), "browser": ["Lynx 3"] * 30}, id="a new browser"),
        pytest.param({**words(9), "browser": ["Linux"] * 30}, id="a browser called as a platform"),
        pytest.param({**words(9), "recipient": ["4711"] * 30}, id="recipients by number"),
        pytest.param({**words(9), "platform": [None] * 30}, id="a column that is empty now"),
        pytest.param({**words(9, 1), "browser": ["Linux"]}, id="a single row"),
        pytest.param({**words(9, 1), "recipient": ["Linux"]}, id="a recipient like a platform"),
        pytest.param({**words(9, 1), "platform": ["a@b"]}, id="an address beside the recipient's"),
    ],
)
def test_new_texts_are_not_taken_for_others(schema: MakeSchema, found: Columns) -> None:
    assert judged(found, [words(1), words(2)], schema(**TEXTS)) == {}


@pytest.mark.parametrize(
    ("places", "by_header", "may_be"),
    [
        pytest.param((0, 1, 2), True, False, id="a header in the usual order"),
        pytest.param((0, None, 1), True, False, id="one without an optional column"),
        pytest.param((1, 0, 2), True, True, id="a header in another order"),
        pytest.param((0, 1, 2), False, True, id="no header"),
    ],
)
def test_only_a_header_in_the_usual_order_is_above_doubt(
    places: tuple[int | None, ...], *, by_header: bool, may_be: bool
) -> None:
    layout = Layout(3, tuple(zip("abc", places, strict=True)))
    assert may_be_shifted(layout, by_header=by_header) is may_be


def test_the_sentence_counts_columns_as_the_file_has_them(schema: MakeSchema) -> None:
    layout = Layout(2, (("a", 1), ("b", 0)))
    said = sentence({"a": "b"}, layout, schema(a={}, b={}))
    assert "column 2 (a) looks like b" in said
    assert "schemas/t.toml" in said
