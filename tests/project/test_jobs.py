"""Wrong jobs, each with one thing changed, and the sentence an operator gets."""

from collections.abc import Callable
from pathlib import Path

import pytest

SEND = "jobs/send_newsletter.toml"
PULL = "jobs/pull_responses.toml"
CLICKS = "schemas/clicks.toml"
SUBSCRIBERS = "schemas/subscribers.toml"

Edit = Callable[[str, str, str], None]
Refusal = Callable[[], list[str]]


CASES = [
    pytest.param(
        SEND,
        'from = "warehouse"',
        'form = "warehouse"',
        "unknown key 'selection.form'; did you mean 'from'?",
        id="unknown key of a selection",
    ),
    pytest.param(
        SEND,
        'kind           = "send"',
        'kind = "send"\nname = "x"',
        "unknown key 'name'; a job is called as its file, 'send_newsletter'",
        id="a job's name",
    ),
    pytest.param(
        PULL,
        "reject_limit = 0.05",
        "limit = 0.05",
        "unknown key 'limit'; did you mean 'reject_limit'?",
        id="unknown key of a pull",
    ),
    pytest.param(
        SEND,
        'kind           = "send"',
        'kind = "sent"',
        "key 'kind': 'sent' is not known; did you mean 'send'?",
        id="unknown kind",
    ),
    pytest.param(
        SEND,
        'kind           = "send"',
        'kind = ["send"]',
        "key 'kind': '['send']' is not known; did you mean 'send'?",
        id="a list of kinds",
    ),
    pytest.param(
        SEND,
        'kind           = "send"',
        "",
        "key 'kind' is missing: 'send' or 'pull'",
        id="no kind",
    ),
    pytest.param(
        SEND,
        "source_mailing = 44018617811",
        "source_mailing = 0",
        "key 'source_mailing': must be greater than 0, not 0",
        id="no source mailing",
    ),
    pytest.param(SEND, "consent ", "# ", "key 'consent' is missing", id="missing key"),
    pytest.param(
        SEND,
        'client         = "de"',
        'client = "ed"',
        "key 'client': closedloop.toml has no client 'ed'; did you mean 'de'?",
        id="unknown client",
    ),
    pytest.param(
        SEND,
        'schema         = "subscribers"',
        'schema = "subscriber"',
        "no schema is called 'subscriber'; did you mean 'subscribers'?",
        id="unknown schema of a send",
    ),
    pytest.param(
        PULL,
        '"clicks"',
        '"klicks"',
        "no schema is called 'klicks'; did you mean 'clicks'?",
        id="unknown schema of a pull",
    ),
    pytest.param(
        PULL,
        '"clicks"',
        '"subscribers"',
        "schema 'subscribers' has filled columns, so it is written, not pulled",
        id="a pull of what is written",
    ),
    pytest.param(
        PULL,
        '"12:00"',
        '"noon"',
        "key 'expected_by': 'noon' must be a time of day, as in '12:00'",
        id="no time of day",
    ),
    pytest.param(
        SEND,
        "0 6 * * 2",
        "0 25 * * 2",
        "key 'schedule': '0 25 * * 2' is no cron schedule: the hour '25' does not exist",
        id="bad schedule",
    ),
    pytest.param(
        SEND,
        "0 6 * * 2",
        "",
        "key 'schedule': '' is no cron schedule: it needs five fields, not 0 (minute, hour, day of month, month, day of week), as in '0 6 * * 2'",
        id="empty schedule",
    ),
    pytest.param(
        SEND,
        'from = "warehouse"',
        'file = "x.csv"',
        "key 'selection': needs either 'sql' or 'file'",
        id="two sources",
    ),
    pytest.param(
        SEND,
        'from = "warehouse"',
        'from = "werehouse"',
        "key 'selection.from': 'werehouse' is no source; write 'warehouse', 'duckdb:///path' or 'postgresql://user@host/database'",
        id="unknown source",
    ),
    pytest.param(
        SEND,
        "44018617811",
        "9223372036854775808",
        "key 'source_mailing': must be less than 9223372036854775808, not 9223372036854775808",
        id="a number too large to keep",
    ),
    pytest.param(
        SEND,
        "44018617811",
        '"44018617811"',
        "key 'source_mailing': must be a whole number, not '44018617811'",
        id="a number in quotes",
    ),
    pytest.param(
        SEND,
        '"newsletter" ',
        '""',
        "key 'consent': must not be empty",
        id="an empty text",
    ),
    pytest.param(
        PULL,
        '"12:00"',
        "12:00:00",
        "key 'expected_by': must be a text in \"quotes\": a time of day, as in '12:00', not 12:00:00",
        id="a time of TOML",
    ),
    pytest.param(
        SEND,
        '"newsletter" ',
        '"newsletter"\ntest_recipients = { file = "x.csv", from = "warehouse" } ',
        "key 'test_recipients': 'from' belongs to 'sql': take it out, or write 'sql' instead of 'file'",
        id="a file from somewhere",
    ),
    pytest.param(
        SEND,
        'from = "warehouse"',
        'from = "duckdb:/shop"',
        "key 'selection.from': 'duckdb' is no source; write 'warehouse', 'duckdb:///path' or 'postgresql://user@host/database'",
        id="a database with one slash",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "sentence"), CASES)
def test_a_wrong_file_is_told_in_one_sentence(
    edit: Edit, refusal: Refusal, file: str, old: str, new: str, sentence: str
) -> None:
    edit(file, old, new)
    assert f"{file}: {sentence}" in refusal()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        pytest.param(
            "%Y%m%d%H%M%S",
            "%Y%m%d",
            "the files of 'subscribers' need a name that tells the second, as in '{date:%Y%m%d%H%M%S}_subscribers.csv'",
            id="one name a day",
        ),
        pytest.param(
            'header      = "none"',
            'header = "auto"',
            "schema 'subscribers' is written, so its header must be 'none' or 'required'",
            id="a header that depends",
        ),
        pytest.param(
            'type = "email"',
            'type = "string"',
            "schema 'subscribers' needs exactly one column of type 'email', the recipient",
            id="no recipient",
        ),
        pytest.param(
            'filled = "source_mailing"',
            "nullable = true",
            "schema 'subscribers' needs a column with filled = \"source_mailing\"",
            id="no source mailing",
        ),
    ],
)
def test_a_schema_that_can_not_be_sent_is_told_at_its_job(
    edit: Edit, refusal: Refusal, old: str, new: str, sentence: str
) -> None:
    edit(SUBSCRIBERS, old, new)
    assert refusal() == [f"{SEND}: {sentence}"]


def test_files_whose_names_can_not_be_told_apart_are_told(edit: Edit, refusal: Refusal) -> None:
    edit(CLICKS, "{date:%Y%m%d}_clicks", "{date:%Y%m%d}_{part}clicks")
    edit("schemas/opens.toml", "{date:%Y%m%d}_opens", "{date:%Y%m%d}_all_clicks")
    assert refusal() == [
        f"{PULL}: a file of 'clicks' can't be told from one of 'opens': make 'table.file' distinct"
    ]


def test_product_data_needs_a_name_of_its_own(root: Path, edit: Edit, refusal: Refusal) -> None:
    text = (root / SUBSCRIBERS).read_text().replace('"subscribers"', '"products"')
    (root / "schemas/products.toml").write_text(text)
    edit(SEND, "[selection]", '[product_data]\nschema = "products"\nfile = "p.csv"\n\n[selection]')
    assert refusal() == [
        f"{SEND}: a file of 'subscribers' can't be told from one of 'products': make 'table.file' distinct"
    ]
