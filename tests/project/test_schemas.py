"""Wrong schemas, each with one thing changed, and the sentence an operator gets."""

from collections.abc import Callable
from pathlib import Path

import pytest

CLICKS = "schemas/clicks.toml"

Edit = Callable[[str, str, str], None]
Refusal = Callable[[], list[str]]


CASES = [
    pytest.param(
        "extra       =",
        "extras =",
        "unknown key 'table.extras'; did you mean 'extra'?",
        id="unknown key of a table",
    ),
    pytest.param(
        "personal = true",
        "persnal = true",
        "unknown key 'columns.userId.persnal'; did you mean 'personal'?",
        id="unknown key of a column",
    ),
    pytest.param(
        "[table]",
        'extra = "ignore"\n[table]',
        "unknown key 'extra'; there is 'columns', 'table'",
        id="a key outside the sections",
    ),
    pytest.param(
        "[table]",
        "[columns.x]",
        "there is no section [table], with 'name' and 'file'",
        id="no table",
    ),
    pytest.param(
        "nullable = true",
        'nullable = "maybe"',
        "key 'columns.userId.nullable': must be true or false, not 'maybe'",
        id="text for a truth",
    ),
    pytest.param(
        'mailingGroupId   = { name = "client_id", type = "int64", description = "Client ID (Mandant)." }',
        'mailingGroupId = "int64"',
        "key 'columns.mailingGroupId': must be a table, as in { key = ... }, not 'int64'",
        id="text for a column",
    ),
    pytest.param(
        'type = "timestamp"',
        'type = "time"',
        "key 'columns.created.type': 'time' is not known; did you mean 'timestamp'?",
        id="unknown word",
    ),
    pytest.param(
        '"click.device"   = { name = "device", type = "string"',
        '"click.device"   = { name = "device", type = "text"',
        "key 'columns.\"click.device\".type': 'text' is not known; write type = \"string\", with max_length where it has a longest",
        id="unknown word below a quoted key",
    ),
    pytest.param(
        "{date:%Y%m%d}_clicks",
        "{day:%Y%m%d}_clicks",
        "key 'table.file': '{day:%Y%m%d}_clicks.csv': braces belong to {date:...} and {part} only, as in '{date:%Y%m%d}_clicks.csv'",
        id="bad pattern",
    ),
    pytest.param(
        "links.link_id",
        "link.link_id",
        "column 'linkId' refers to 'link', which is no schema; did you mean 'links'?",
        id="reference to no schema",
    ),
    pytest.param(
        "links.link_id",
        "links.link",
        "column 'linkId' refers to 'links.link', but links has no such column; did you mean 'link_id'?",
        id="reference to no column",
    ),
    pytest.param(
        "links.link_id",
        "links",
        "key 'columns.linkId.references': 'links' must be 'schema.column', as in 'links.link_id'",
        id="reference without a column",
    ),
    pytest.param(
        'name = "link_id"',
        'name = "Link ID"',
        "key 'columns.linkId.name': 'Link ID' must be lower-case letters, digits and _ only, beginning with a letter",
        id="bad name of a column",
    ),
    pytest.param(
        'name = "mailing_id"',
        'name = "link_id"',
        "two columns are called 'link_id'",
        id="one name twice",
    ),
    pytest.param(
        'name = "mailing_id"',
        'name = "clicked_at_local"',
        "column 'clicked_at' is stored as 'clicked_at_local', which column 'clicked_at_local' takes already; give it another name",
        id="one stored name twice",
    ),
    pytest.param(
        "key         = []",
        'rules = ["finished_before_started"]',
        "no rule is called 'finished_before_started'; did you mean 'finished_not_before_started'?",
        id="unknown rule",
    ),
    pytest.param(
        "key         = []",
        'rules = ["finished_not_before_started"]',
        "rule 'finished_not_before_started' reads a column 'started_at', which the schema lacks; name a column so, or take the rule out",
        id="a rule that does not fit",
    ),
    pytest.param(
        'name        = "clicks"',
        'name = "click"',
        "key 'table.name' is 'click', the file's own name says 'clicks': make them equal",
        id="another name than the file's",
    ),
    pytest.param(
        'type = "timestamp"',
        'type = "enum"',
        "key 'columns.created': 'values' belongs to type 'enum', and an enum needs it",
        id="an enum without values",
    ),
    pytest.param(
        "nullable = true",
        'nullable = "yes"',
        "key 'columns.userId.nullable': must be true or false, not 'yes'",
        id="another word for true",
    ),
    pytest.param(
        'header      = "auto"',
        "header = true",
        "key 'table.header': true is not known; there is 'auto', 'none', 'required'",
        id="a truth for a word",
    ),
    pytest.param(
        'header      = "auto"',
        'separator = "tab"',
        "key 'table.separator': 'tab' is not known; write \"\\t\"",
        id="a tab by name",
    ),
    pytest.param(
        'header      = "auto"',
        'separator = "#"',
        "key 'table.separator': '#' is not known; there is \"\\t\", ',', ';', '|'",
        id="an unknown separator",
    ),
    pytest.param(
        'type = "timestamp"',
        'type = "datetime"',
        "key 'columns.created.type': 'datetime' is not known; write type = \"timestamp\"",
        id="another word for a timestamp",
    ),
    pytest.param(
        'type = "int64"',
        'type = "bigint"',
        "key 'columns.linkId.type': 'bigint' is not known; write type = \"int64\"",
        id="another word for a number",
    ),
    pytest.param(
        '"string"',
        '"varchar(255)"',
        "key 'columns.userId.type': 'varchar(255)' is not known; write type = \"string\", with max_length where it has a longest",
        id="another word for a text",
    ),
    pytest.param(
        '"click.browser"',
        "click.browser",
        "key 'columns.click.browser': a header with a dot needs quotes, as in \"click.browser\" = { name = ... }",
        id="a header with a dot",
    ),
    pytest.param(
        'type = "timestamp"',
        'type = "timestamp", format = "iso"',
        "key 'columns.created': 'format' is 'iso', which tells no time; write it as in '%Y-%m-%d %H:%M:%S'",
        id="a format that tells no time",
    ),
    pytest.param(
        'type = "timestamp"',
        'type = "timestamp", format = "%Y-%m-%dT%H:%M:%S%z"',
        "key 'columns.created': 'format' is '%Y-%m-%dT%H:%M:%S%z', which tells a zone; times come in the client's local time, without one",
        id="a format that tells a zone",
    ),
    pytest.param(
        'type = "int64"',
        'type = "int64", format = "%Y"',
        "key 'columns.linkId': 'format' belongs to type 'timestamp', not to 'int64'",
        id="a format of a number",
    ),
    pytest.param(
        'type = "int64"',
        'type = "int64", unknown = "warn"',
        "key 'columns.linkId': 'unknown' belongs to type 'enum', not to 'int64'",
        id="unknown values of a number",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), CASES)
def test_a_wrong_file_is_told_in_one_sentence(
    edit: Edit, refusal: Refusal, old: str, new: str, sentence: str
) -> None:
    edit(CLICKS, old, new)
    assert f"{CLICKS}: {sentence}" in refusal()


def test_a_column_that_can_not_be_stored_is_told_once(edit: Edit, refusal: Refusal) -> None:
    edit(CLICKS, 'name = "link_id"', 'name = "line"')
    assert refusal() == [
        f"{CLICKS}: column 'line' is stored as 'line', which the line number takes already; give it another name"
    ]


def test_a_schema_without_columns_says_so(root: Path, refusal: Refusal) -> None:
    text = (root / CLICKS).read_text()
    (root / CLICKS).write_text(text[: text.index("[columns]")] + "[columns]\n")
    assert refusal() == [f"{CLICKS}: key 'columns': must not be empty"]
