import io
from collections.abc import Callable
from typing import Any

import pytest

from closedloop.core.parse import MAX_RECORD, Block, read
from closedloop.errors import FileRefused
from closedloop.model.table import Schema

MakeSchema = Callable[..., Schema]
Rows = list[tuple[Any, ...]]
GOOD = b"1;x;y\n"


@pytest.fixture
def three(schema: MakeSchema) -> Schema:
    return schema({"header": "none"}, a={}, b={}, c={})


def blocks(content: bytes, schema: Schema, block_bytes: int = 1 << 20) -> list[Block]:
    return list(read(io.BytesIO(content), schema, block_bytes))


def only(content: bytes, schema: Schema) -> Block:
    (block,) = blocks(content, schema)
    return block


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        pytest.param(b"1;x", "2 fields where 3 are expected", id="short"),
        pytest.param(b"x", "1 field where 3 are expected", id="one field"),
        pytest.param(b"1;x;y;z", "4 fields where 3 are expected", id="long"),
        pytest.param(b'1;"x;y', "quote not closed", id="unclosed quote"),
        pytest.param(b'1;"b"x;y', "text after a closing quote", id="text after a quote"),
        pytest.param(b'1;"b" ;y', "text after a closing quote", id="blank after a quote"),
        pytest.param(b"1;\xff;y", "not UTF-8", id="bad UTF-8"),
        pytest.param(b"1;\xed\xa0\x80;y", "not UTF-8", id="half of a surrogate pair"),
        pytest.param(b"1;x\ry;z", "bare carriage return", id="carriage return in a field"),
        pytest.param(b'1;"x"\ry;z', "bare carriage return", id="carriage return after a quote"),
        pytest.param(b"1;x;y\r", "bare carriage return", id="carriage return before the line end"),
        pytest.param(b'"a";"b', "quote not closed", id="quote open at the line end"),
    ],
)
def test_a_broken_line_is_rejected_alone(three: Schema, line: bytes, rule: str) -> None:
    block = only(GOOD + line + b"\r\n" + GOOD, three)
    assert block.frame.rows() == [(1, "1", "x", "y"), (3, "1", "x", "y")]
    assert [(b.line, b.raw, b.rule) for b in block.broken] == [
        (2, line.decode(errors="backslashreplace"), rule)
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b'1;"x\ny";z\n', [(1, "1", "x\ny", "z")], id="newline inside quotes"),
        pytest.param(b'1;"x\r\ny";z\n', [(1, "1", "x\r\ny", "z")], id="CRLF inside quotes"),
        pytest.param(
            b'1;"x;""y""";z\n', [(1, "1", 'x;"y"', "z")], id="separator and quotes inside"
        ),
        pytest.param(b'1;b"x;y\n', [(1, "1", 'b"x', "y")], id="quote inside an unquoted field"),
        pytest.param(b"\xef\xbb\xbf1;x;y\n", [(1, "1", "x", "y")], id="BOM at the start"),
        pytest.param(
            b"1;x;y\r\n1;x;y\n", [(1, "1", "x", "y"), (2, "1", "x", "y")], id="mixed line ends"
        ),
        pytest.param(b"1;x;y", [(1, "1", "x", "y")], id="no last line end"),
        pytest.param(b'1;x;"y"', [(1, "1", "x", "y")], id="quote as the last byte"),
        pytest.param(b"1;x\0;y\n", [(1, "1", "x\0", "y")], id="NUL"),
        pytest.param(b'1;;""\n', [(1, "1", None, None)], id="empty, quoted or not, is null"),
        pytest.param(b" 1; x ;\ty\n", [(1, " 1", " x ", "\ty")], id="blanks are kept"),
        pytest.param("1;ä;€\n".encode(), [(1, "1", "ä", "€")], id="UTF-8"),
        pytest.param(
            GOOD + b"\xef\xbb\xbfx;;\n",
            [(1, "1", "x", "y"), (2, "\ufeffx", None, None)],
            id="BOM later",
        ),
        pytest.param(
            b'"\n";b;"\n\n"\nx;y;z\n',
            [(1, "\n", "b", "\n\n"), (5, "x", "y", "z")],
            id="lines count on",
        ),
    ],
)
def test_a_good_record_is_read_as_it_stands(three: Schema, content: bytes, rows: Rows) -> None:
    block = only(content, three)
    assert block.frame.rows() == rows
    assert block.broken == []


@pytest.mark.parametrize("line", [b"", b"  ", b"\t \t", b"\r", b" \r"])
def test_a_blank_line_is_counted_and_is_no_row(three: Schema, line: bytes) -> None:
    block = only(line + b"\n" + GOOD + line + b"\r\n" + GOOD + line, three)
    assert block.frame["line"].to_list() == [2, 4]
    assert (block.blank, block.broken) == (3 if line else 2, [])


def test_in_a_single_column_blank_lines_are_no_rows_either(schema: MakeSchema) -> None:
    block = only(b'a\n\n  \n""\nb\n', schema({"header": "none"}, a={}))
    assert block.frame.rows() == [(1, "a"), (4, None), (5, "b")]
    assert block.blank == 2


def test_a_tab_that_separates_is_not_blank(schema: MakeSchema) -> None:
    block = only(b"\t\n \n", schema({"header": "none", "separator": "\t"}, a={}, b={}))
    assert block.frame.rows() == [(1, None, None)]
    assert block.blank == 1


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("header", ["none", "auto", "required"])
def test_an_empty_file_has_no_blocks(schema: MakeSchema, content: bytes, header: str) -> None:
    assert blocks(content, schema({"header": header}, a={})) == []


def test_an_unclosed_quote_takes_no_neighbour_with_it(three: Schema) -> None:
    found = blocks(b'1;"x;y\n' + GOOD * 50_000, three)
    assert [broken.line for block in found for broken in block.broken] == [1]
    assert sum(block.frame.height for block in found) == 50_000


def test_a_record_longer_than_the_limit_is_broken(three: Schema) -> None:
    long = b"x" * MAX_RECORD
    fits = b"1;y;" + long[4:] + b"\n"
    found = blocks(GOOD + b"1;" + long + b";y\n" + fits + b'1;"\n' + long + b'";y\n' + GOOD, three)
    assert [(broken.line, broken.rule) for block in found for broken in block.broken] == [
        (2, "longer than 1048576 bytes"),
        (4, "quote not closed"),
        (5, "longer than 1048576 bytes"),
    ]
    assert [line for block in found for line in block.frame["line"]] == [1, 3, 6]


def test_of_a_line_without_end_only_the_beginning_is_kept(three: Schema) -> None:
    found = blocks(b"x" * (8 * MAX_RECORD) + b"\n" + GOOD, three)
    assert [len(broken.raw) for block in found for broken in block.broken] == [MAX_RECORD]
    assert [line for block in found for line in block.frame["line"]] == [2]


def test_the_raw_text_of_a_row_holds_empty_fields_and_ignored_ones(schema: MakeSchema) -> None:
    wanted = schema({"extra": "ignore"}, a={}, b={"nullable": True})
    block = only(b"b;other;a\r\n;x;1\r\n\n ;;2\n", wanted)
    assert block.frame.rows() == [(2, "1", None), (4, "2", " ")]
    assert block.raw([2, 4]) == {2: ";x;1", 4: " ;;2"}


def test_the_raw_text_of_any_row_can_be_asked_for(three: Schema) -> None:
    content = b"".join(b'%d;"x\n";y\r\n' % number for number in range(3000))
    block = only(b"short\n" + content, three)
    assert block.raw([2, 4002, 6000]) == {
        2: '0;"x\n";y',
        4002: '2000;"x\n";y',
        6000: '2999;"x\n";y',
    }


def test_many_small_blocks_read_as_one_large_one(three: Schema) -> None:
    content = (GOOD + b"short\n" + b'2;"\n";\n\n') * 40
    whole, small = only(content, three), blocks(content, three, 16)
    assert len(small) > 10
    assert [row for block in small for row in block.frame.iter_rows()] == whole.frame.rows()
    assert [broken for block in small for broken in block.broken] == whole.broken
    assert sum(block.blank for block in small) == whole.blank == 40


@pytest.mark.parametrize(
    ("head", "row"),
    [
        pytest.param(b"id;name;url", ("1", "x", "y"), id="as in the schema"),
        pytest.param(b"url;ID; name ", ("x", "y", "1"), id="other order, case and blanks"),
        pytest.param(b'"linkid";"name";"url"', ("1", "x", "y"), id="an alias, quoted"),
    ],
)
def test_a_header_says_which_field_is_which_column(
    schema: MakeSchema, head: bytes, row: tuple[str, ...]
) -> None:
    links = schema({"header": "required"}, id={"aliases": ("linkId",)}, name={}, url={})
    block = only(b"\n" + head + b"\n" + GOOD, links)
    assert block.frame.rows() == [(3, *row)]
    assert (block.header, block.blank) == (1, 1)


def test_a_file_may_hold_only_its_header(schema: MakeSchema) -> None:
    block = only(b"a;b", schema({"header": "required"}, a={}, b={}))
    assert (block.header, block.frame.height, block.broken) == (1, 0, [])


def test_an_optional_column_that_is_absent_is_null(schema: MakeSchema) -> None:
    optional = {"optional": True}
    block = only(b"b;a\n1;2\n", schema({"header": "auto"}, a={}, extra=optional, b={}))
    assert block.frame.rows() == [(2, "2", None, "1")]


def test_columns_beyond_the_schema_are_left_out_where_it_says_so(schema: MakeSchema) -> None:
    block = only(b"x;b;;a\n0;1;2;3\n", schema({"extra": "ignore"}, a={}, b={}))
    assert block.frame.rows() == [(2, "3", "1")]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b"1;2;3\n1;2\n", [(1, "1", "2", "3")], id="all columns"),
        pytest.param(b"1\n1;2\n1;2;3\n", [(2, "1", None, "2")], id="without the optional one"),
        pytest.param(b"1\n2\n", [], id="neither"),
    ],
)
def test_by_position_the_first_good_record_tells_the_columns(
    schema: MakeSchema, content: bytes, rows: Rows
) -> None:
    block = only(content, schema({"header": "none"}, a={}, b={"optional": True}, c={}))
    assert block.frame.rows() == rows


@pytest.mark.parametrize(
    ("content", "header"),
    [
        pytest.param(b"name;id\n", 1, id="names a column"),
        pytest.param(b"x;y\n", 0, id="names none"),
        pytest.param(b"name;17\n", 0, id="names one, but holds a number"),
        pytest.param(b'"x;y\n', 0, id="is broken"),
        pytest.param(b'"name;17\n', 0, id="is broken, names one, but holds a number"),
    ],
)
def test_whether_the_first_line_is_a_header_shows_in_its_names(
    schema: MakeSchema, content: bytes, header: int
) -> None:
    assert only(content, schema({"header": "auto"}, id={}, name={})).header == header


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"1;2;3\n", "the first line names no column of schema 't'", id="no header"),
        pytest.param(b'"a;b\n', r"the first line is no record \(quote not closed\)", id="broken"),
        pytest.param(b"a;b;A\n", r"names column 'a' twice \(fields 1 and 3\)", id="a name twice"),
        pytest.param(
            b"a;b;brovser\n", "'brovser', .*did you mean 'browser'.*extra", id="a near miss"
        ),
        pytest.param(
            b"a;b\n",
            "lacks columns 'browser', 'id' of schema 't'; .* set optional = true and nullable = true in",
            id="columns missing",
        ),
        pytest.param(
            b"a;WELLE_ID\n",
            "names column 'WELLE_ID', which schema 't' does not know; in schemas/t.toml add it: WELLE_ID = "
            '{ name = "welle_id", type = "string", nullable = true, optional = true } under .columns., or set',
            id="a new name",
        ),
        pytest.param(
            b"a;Geo.Land 2\n",
            'add it: "Geo.Land 2" = { name = "geo_land_2"',
            id="a new name that needs quotes",
        ),
        pytest.param(b"a;_B\n", '_B = { name = "b_2"', id="a new name that is taken"),
        pytest.param(b"a;_1\n", '_1 = { name = "column_1"', id="a new name without letters"),
        pytest.param(
            b"a;b;browser;id;\n", r"field 5 \(not shown here\)", id="a name that is empty"
        ),
    ],
)
def test_a_header_that_does_not_suit_the_schema_is_refused(
    schema: MakeSchema, content: bytes, reason: str
) -> None:
    with pytest.raises(FileRefused, match=reason):
        blocks(content, schema({"header": "required"}, a={}, b={}, browser={}, id={}))


NUMBERS = {"id": {"type": "int64"}, "name": {}, "group": {"type": "int64", "optional": True}}


@pytest.mark.parametrize("header", [b"Nr;Titel;Gruppe\n", b"Nr;Titel\n", b"Nr;;\n"])
def test_a_first_line_with_words_for_numbers_is_not_read_by_position(
    schema: MakeSchema, header: bytes
) -> None:
    with pytest.raises(FileRefused, match=r"looks like a header, .* names no column of schema 't'"):
        blocks(b"\n" + header + b"1;x;2\n", schema({"header": "auto"}, **NUMBERS))


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        pytest.param("auto", b"Nr;x;2\n", id="one number is there"),
        pytest.param("auto", b";x;\n", id="no number is there"),
        pytest.param("auto", b"12.5;x;\n", id="a number that is not whole"),
        pytest.param("none", b"Nr;x;y\n", id="there is never a header"),
    ],
)
def test_a_first_line_that_may_be_a_row_is_one(schema: MakeSchema, mode: str, first: bytes) -> None:
    assert only(first + b"1;x;2\n", schema({"header": mode}, **NUMBERS)).frame.height == 2


@pytest.mark.parametrize("line", [b'"id;name\n', b"id;gr\xf6\xdfe\n", b'id;"name"x\n'])
def test_a_broken_header_is_not_taken_for_a_broken_row(schema: MakeSchema, line: bytes) -> None:
    with pytest.raises(FileRefused, match="names columns of schema 't' and is no record"):
        blocks(line + b"1;x\n", schema({"header": "auto"}, **NUMBERS))


def test_a_refusal_never_repeats_what_may_be_an_address(schema: MakeSchema) -> None:
    with pytest.raises(FileRefused) as refusal:
        blocks(b"a;jane@example.com\n", schema({"header": "required"}, a={}, b={}))
    assert "jane" not in str(refusal.value)
