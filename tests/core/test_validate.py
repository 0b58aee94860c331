import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from closedloop.core.parse import read
from closedloop.core.validate import Checked, check, stored
from closedloop.errors import ProjectError
from closedloop.model.stored import stored_columns
from closedloop.model.table import Schema

MakeSchema = Callable[..., Schema]
BERLIN = ZoneInfo("Europe/Berlin")
STAMP = "2021-01-01 12:07:55"


def checked(content: str, schema: Schema, zone: ZoneInfo = BERLIN) -> Checked:
    (block,) = read(io.BytesIO(content.encode()), schema)
    return check(block, schema, zone)


def value(text: str, schema: MakeSchema, zone: ZoneInfo = BERLIN, **column: Any) -> Checked:
    quoted = text.replace('"', '""')
    return checked(f'v;w\n"{quoted}";x\n', schema(v=column, w={}), zone)


def rules(found: Checked) -> list[str]:
    return [reason.rule for reason in found.rejected]


@pytest.mark.parametrize(
    ("column", "text", "rule"),
    [
        pytest.param({"type": "int64"}, "12x4", "not a whole number", id="letters"),
        pytest.param({"type": "int64"}, " 5", "not a whole number", id="blank before"),
        pytest.param({"type": "int64"}, "+5", "not a whole number", id="plus sign"),
        pytest.param({"type": "int64"}, "5.0", "not a whole number", id="decimals"),
        pytest.param({"type": "int64"}, "1_0", "not a whole number", id="underscore"),
        pytest.param({"type": "int64"}, "\u0665", "not a whole number", id="other digits"),
        pytest.param({"type": "int64"}, "9223372036854775808", "outside int64", id="too large"),
        pytest.param(
            {"type": "string", "max_length": 3}, "äöüß", "longer than 3 characters", id="long"
        ),
        pytest.param({"type": "string"}, "a\0b", "holds a NUL or control character", id="NUL"),
        pytest.param({"type": "string"}, "a\x1b", "holds a NUL or control character", id="escape"),
        pytest.param({"type": "email"}, "not-an-address", "not an e-mail address", id="no at sign"),
        pytest.param({"type": "email"}, "a@b", "not an e-mail address", id="no dot"),
        pytest.param(
            {"type": "enum", "values": ("OK", "HARD"), "unknown": "reject"},
            "ok",
            "not one of OK, HARD",
            id="unknown value",
        ),
        pytest.param({"type": "string", "nullable": False}, "", "missing", id="missing"),
        pytest.param({"type": "int64", "nullable": False}, "", "missing", id="number missing"),
    ],
)
def test_a_value_that_breaks_a_rule_rejects_its_row(
    schema: MakeSchema, column: dict[str, Any], text: str, rule: str
) -> None:
    found = value(text, schema, **column)
    assert rules(found) == [rule]
    assert (found.rejected[0].line, found.rejected[0].column) == (2, "v")
    assert (found.accepted.height, found.rejected_rows) == (0, 1)


@pytest.mark.parametrize(
    ("column", "text", "kept"),
    [
        pytest.param({"type": "int64"}, "-9223372036854775808", -(2**63), id="smallest number"),
        pytest.param({"type": "int64"}, "007", 7, id="leading zeros"),
        pytest.param({"type": "string", "max_length": 4}, "äöüß", "äöüß", id="counts characters"),
        pytest.param({"type": "string"}, "a\tb\r\nc", "a\tb\r\nc", id="tab and line end"),
        pytest.param(
            {"type": "email"}, "Jane.Doe@mail.example", "Jane.Doe@mail.example", id="address"
        ),
        pytest.param({"type": "enum", "values": ("OK",)}, "OK", "OK", id="known value"),
        pytest.param({"type": "enum", "values": ("OK",), "unknown": "reject"}, "", None, id="null"),
        pytest.param({"type": "int64"}, "", None, id="no number"),
    ],
)
def test_a_good_value_is_stored_as_it_is(
    schema: MakeSchema, column: dict[str, Any], text: str, kept: object
) -> None:
    found = value(text, schema, **column)
    assert found.accepted.rows() == [(2, kept, "x")]
    assert (found.rejected, found.warnings) == ([], {})


@pytest.mark.parametrize("line", ["{};a\n", '"{}";"a"\n', '{};"a"\r\n'])
@pytest.mark.parametrize("odd", ["a\0", "\x1f", "123456789"])
def test_one_bad_value_among_thousands_rejects_its_row_alone(
    schema: MakeSchema, line: str, odd: str
) -> None:
    columns = schema({"header": "none"}, v={"max_length": 8}, w={})
    values = [*map(str, range(5000)), odd, *map(str, range(5000))]
    found = checked("".join(map(line.format, values)), columns)
    assert [reason.line for reason in found.rejected] == [5001]
    assert found.accepted.height == 10_000


LETTERS = {"type": "enum", "values": tuple("abcdefgh"), "unknown": "reject"}


@pytest.mark.parametrize("place", [0, 2_500, 4_999])
@pytest.mark.parametrize(
    ("column", "good", "odd"),
    [
        pytest.param({"type": "int64"}, ["7"], "+7", id="a number's sign"),
        pytest.param({"type": "int64"}, ["7", "-8"], "7x", id="no number"),
        pytest.param({"type": "int64", "nullable": False}, ["7"], "", id="number missing"),
        pytest.param({"type": "timestamp"}, [STAMP], "2021-01-01 12:07: 5", id="a blank for zero"),
        pytest.param(
            {"type": "timestamp"},
            [STAMP, "2021-01-02 00:00:00"],
            "2021-01-01 12:07:5:",
            id="colon for a digit",
        ),
        pytest.param({"type": "timestamp"}, [STAMP], "2021-03-28 02:30:00", id="skipped"),
        pytest.param({"type": "timestamp"}, [STAMP], "0000-12-31 12:00:00", id="too early"),
        pytest.param(LETTERS, ["a"], "i", id="unknown beside one value"),
        pytest.param(LETTERS, [*"abcdefgh", ""], "i", id="unknown beside all values"),
    ],
)
def test_the_one_bad_value_of_a_column_is_found_wherever_it_stands(
    schema: MakeSchema, column: dict[str, Any], good: list[str], odd: str, place: int
) -> None:
    values = [good[row % len(good)] for row in range(5_000)]
    lines = "".join(f"{each};x\n" for each in values)
    columns = schema({"header": "none"}, v={"nullable": True, **column}, w={})
    assert checked(lines, columns).rejected == []
    values[place] = odd
    found = checked("".join(f"{each};x\n" for each in values), columns)
    assert {reason.line for reason in found.rejected} == {place + 1}
    assert found.accepted["line"].to_list() == [n + 1 for n in range(5_000) if n != place]


def test_an_unknown_value_loads_with_a_warning_unless_the_schema_rejects_it(
    schema: MakeSchema,
) -> None:
    found = checked("v\nNEW\nOK\nNEW\n", schema(v={"type": "enum", "values": ("OK",)}))
    assert found.accepted["v"].to_list() == ["NEW", "OK", "NEW"]
    assert found.warnings == {("v", "not one of OK"): 2}


def test_a_rejected_row_gives_all_its_reasons_and_its_raw_text(schema: MakeSchema) -> None:
    number = {"type": "int64", "nullable": False}
    found = checked('a;b;c\n1;2;3\nx;;"y\n"\nz\n4;5;6\n', schema(a=number, b=number, c=number))
    assert [(r.line, r.column, r.rule, r.raw) for r in found.rejected] == [
        (3, "a", "not a whole number", 'x;;"y\n"'),
        (3, "b", "missing", 'x;;"y\n"'),
        (3, "c", "not a whole number", 'x;;"y\n"'),
        (5, "", "1 field where 3 are expected", "z"),
    ]
    assert found.rejected_rows == 2
    assert found.accepted["line"].to_list() == [2, 6]


def test_warnings_count_accepted_rows_only(schema: MakeSchema) -> None:
    columns = schema(v={"type": "enum", "values": ("OK",)}, n={"type": "int64"})
    assert checked("v;n\nNEW;1\nNEW;x\n", columns).warnings == {("v", "not one of OK"): 1}


@pytest.mark.parametrize(
    ("text", "utc", "ambiguous"),
    [
        pytest.param("2021-01-01 12:07:55", "2021-01-01T11:07:55", False, id="winter"),
        pytest.param("2021-07-01 12:07:55", "2021-07-01T10:07:55", False, id="summer"),
        pytest.param(
            "2021-10-31 01:59:59", "2021-10-30T23:59:59", False, id="before the repeated hour"
        ),
        pytest.param("2021-10-31 02:30:00", "2021-10-31T00:30:00", True, id="the first of the two"),
        pytest.param(
            "2021-10-31 03:00:00", "2021-10-31T02:00:00", False, id="after the repeated hour"
        ),
        pytest.param("9999-12-31 23:59:59", "9999-12-31T22:59:59", False, id="the end of time"),
    ],
)
def test_a_timestamp_is_stored_in_utc_beside_the_local_time(
    schema: MakeSchema, *, text: str, utc: str, ambiguous: bool
) -> None:
    found = value(text, schema, type="timestamp")
    times = map(datetime.fromisoformat, (utc, text))
    assert found.accepted.rows() == [(2, *times, ambiguous, "x")]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("2021-02-30 12:07:55", f"not a timestamp like {STAMP}", id="no such day"),
        pytest.param("2021-1-1 12:07:55", f"not a timestamp like {STAMP}", id="a digit short"),
        pytest.param("2021-01- 1 12:07:55", f"not a timestamp like {STAMP}", id="blank for zero"),
        pytest.param("2021-01-01 12:07:60", f"not a timestamp like {STAMP}", id="leap second"),
        pytest.param("2021-01-01 24:00:00", f"not a timestamp like {STAMP}", id="hour 24"),
        pytest.param("2021-01-01T12:07:55", f"not a timestamp like {STAMP}", id="a T"),
        pytest.param("2021-01-01 12:07:55 ", f"not a timestamp like {STAMP}", id="blank after"),
        pytest.param("2021-01-01 12:07:55.5", f"not a timestamp like {STAMP}", id="fraction"),
        pytest.param("2021-03-28 02:30:00", "a local time that the clocks skip", id="spring"),
        pytest.param("0001-01-01 00:00:00", "outside the years 1 to 9999", id="before the year 1"),
    ],
)
def test_no_time_is_guessed(schema: MakeSchema, text: str, rule: str) -> None:
    assert rules(value(text, schema, type="timestamp")) == [rule]


@pytest.mark.parametrize("text", ["0000-12-31 23:00:00", "9999-12-31 23:00:00"])
def test_neither_the_local_time_nor_that_in_utc_leaves_the_calendar(
    schema: MakeSchema, text: str
) -> None:
    found = value(text, schema, ZoneInfo("America/New_York"), type="timestamp")
    assert rules(found) == ["outside the years 1 to 9999"]


@pytest.mark.parametrize(
    ("form", "text", "good"),
    [
        pytest.param("%d.%m.%Y %H:%M", "31.12.2021 12:07", True, id="German"),
        pytest.param("%d.%m.%Y %H:%M", "1.12.2021 12:07", False, id="a digit short"),
        pytest.param("%d %b %Y", "31 Dec 2021", True, id="month by name"),
        pytest.param("%d %b %Y", "1 Dec 2021", False, id="month by name, a digit short"),
    ],
)
def test_a_column_may_have_its_own_format(
    schema: MakeSchema, *, form: str, text: str, good: bool
) -> None:
    found = value(text, schema, ZoneInfo("UTC"), type="timestamp", format=form)
    assert (found.accepted.height, found.rejected_rows) == ((1, 0) if good else (0, 1))


def test_a_zone_whose_clocks_never_change_marks_nothing(schema: MakeSchema) -> None:
    found = value("2021-10-31 02:30:00", schema, ZoneInfo("UTC"), type="timestamp")
    assert found.accepted["v_ambiguous"].to_list() == [False]


LIKE_INT = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.text("0123456789+-_ e.x\u0661\uff11", min_size=1, max_size=21),
)
# Up to 2100: the time zones that polars brings along know no summer time beyond.
LIKE_TIME = st.one_of(
    st.datetimes(datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("2100-01-01")).map(
        lambda t: t.replace(microsecond=0).isoformat(" ")
    ),
    st.from_regex(
        r"[ +01][ 0-9]{0,3}-[ 01]?[0-9]-[ 0-3][0-9] [ 0-2][0-9]:[0-6][0-9]:[ +0-6][0-9]",
        fullmatch=True,
    ),
)
FROZEN = [HealthCheck.function_scoped_fixture]  # the fixture is a function without state


@settings(max_examples=300, suppress_health_check=FROZEN, deadline=None)
@given(texts=st.lists(LIKE_INT, min_size=1, max_size=9))
def test_whole_numbers_are_those_of_python_written_plainly(
    schema: MakeSchema, texts: list[str]
) -> None:
    found = checked("v\n" + "".join(f'"{text}"\n' for text in texts), schema(v={"type": "int64"}))
    plain = [int(text) for text in texts if re.fullmatch("-?[0-9]+", text)]
    assert found.accepted["v"].to_list() == [n for n in plain if -(2**63) <= n < 2**63]


@settings(max_examples=300, suppress_health_check=FROZEN, deadline=None)
@given(texts=st.lists(LIKE_TIME, min_size=1, max_size=9))
@example(
    ["2021-10-31 02:00:00", "2021-10-31 02:59:59", "2021-03-28 01:59:59", "2021-03-28 02:00:00"]
)
def test_times_are_those_of_python_in_the_zone(schema: MakeSchema, texts: list[str]) -> None:
    found = checked("v\n" + "".join(f"{text}\n" for text in texts), schema(v={"type": "timestamp"}))
    expected = [read_time for text in texts if (read_time := python_time(text))]
    assert found.accepted.select("v", "v_local", "v_ambiguous").rows() == expected


def python_time(text: str) -> tuple[datetime, datetime, bool] | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=BERLIN)
        first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    skipped = first.astimezone(BERLIN).replace(tzinfo=None) != local.replace(tzinfo=None)
    return (
        None
        if skipped
        else (first.replace(tzinfo=None), local.replace(tzinfo=None), first != second)
    )


def test_the_stored_columns_are_those_of_the_accepted_rows(
    shipped: Callable[[str], Schema],
) -> None:
    mailings = shipped("mailings")
    content = "id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n"
    found = checked(content + f"1;;3;4;{STAMP};\n", mailings)
    assert dict(found.accepted.schema) == {"line": pl.Int64(), **stored(mailings)}
    assert [column.name for column in stored_columns(mailings)] == found.accepted.columns[1:]


@pytest.mark.parametrize("name", ["line", "at_local"])
def test_two_columns_stored_under_one_name_are_refused(schema: MakeSchema, name: str) -> None:
    with pytest.raises(ProjectError, match=f"stored as '{name}'"):
        stored_columns(schema(at={"type": "timestamp"}, **{name: {}}))


@pytest.mark.parametrize("block_bytes", [50, 1 << 20])
def test_every_record_is_accepted_rejected_blank_or_header(
    schema: MakeSchema, block_bytes: int
) -> None:
    content = b"a;b\n" + b'1;"x\n"\nbad;\n\n1\n3;4\n"5";"\n' * 20
    columns = schema(a={"type": "int64"}, b={})
    blocks = list(read(io.BytesIO(content), columns, block_bytes))
    results = [check(block, columns, BERLIN) for block in blocks]
    loaded = sum(found.accepted.height for found in results)
    rejected = sum(found.rejected_rows for found in results)
    assert (loaded, rejected, sum(b.blank for b in blocks), sum(b.header for b in blocks)) == (
        40,
        60,
        20,
        1,
    )


@pytest.mark.parametrize(
    "text", ["2021-03-2802:30:00", "2021-03-28  02:30:00", "0001-01-01 00: 00:00"]
)
def test_a_text_that_is_no_time_is_said_to_break_nothing_else(
    schema: MakeSchema, text: str
) -> None:
    assert rules(value(text, schema, type="timestamp")) == [f"not a timestamp like {STAMP}"]
