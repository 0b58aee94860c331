"""Wrong projects, each with one thing changed, and the sentence an operator gets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.errors import ProjectError
from closedloop.model.job import PullJob
from closedloop.newsettings import Answers, client_section
from closedloop.project import Project, load_project
from closedloop.scaffold import write_project

SETTINGS = "closedloop.toml"
SEND = "jobs/send_newsletter.toml"
PULL = "jobs/pull_responses.toml"
CLICKS = "schemas/clicks.toml"
SUBSCRIBERS = "schemas/subscribers.toml"

Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("starter")
    section = client_section(
        Answers("de", "sftp.example.com", 22, "r_shop", "keys/id_rsa", ("ssh-rsa AAAA...",))
    )
    write_project(root, "de", section, rehearsal=False)
    return root


@pytest.fixture
def root(starter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(starter, tmp_path / "shop"))


@pytest.fixture
def edit(root: Path) -> Edit:
    def change(file: str, old: str, new: str) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change


def refusal(root: Path) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_project(root)
    return str(caught.value).splitlines()


def test_the_starter_is_sound(root: Path) -> None:
    project = load_project(root)
    assert {*project.jobs} == {"send_newsletter", "pull_responses"}
    assert len(project.schemas) == 9


CASES = [
    pytest.param(
        SETTINGS,
        "retention_days = 14",
        "retention_dais = 14",
        "unknown key 'clients.de.retention_dais'; did you mean 'retention_days'?",
        id="unknown key, nested",
    ),
    pytest.param(
        SETTINGS,
        "[suppression]",
        "[supression]",
        "unknown key 'supression'; did you mean 'suppression'?",
        id="unknown section",
    ),
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
        CLICKS,
        "extra       =",
        "extras =",
        "unknown key 'table.extras'; did you mean 'extra'?",
        id="unknown key of a table",
    ),
    pytest.param(
        CLICKS,
        "personal = true",
        "persnal = true",
        "unknown key 'columns.userId.persnal'; did you mean 'personal'?",
        id="unknown key of a column",
    ),
    pytest.param(
        CLICKS,
        "[table]",
        'extra = "ignore"\n[table]',
        "unknown key 'extra'; there is 'columns', 'table'",
        id="a key outside the sections",
    ),
    pytest.param(
        CLICKS,
        "[table]",
        "[columns.x]",
        "there is no section [table], with 'name' and 'file'",
        id="no table",
    ),
    pytest.param(
        SETTINGS,
        "port           = 22",
        'port = "ssh"',
        "key 'clients.de.port': must be a whole number, not 'ssh'",
        id="text for a number",
    ),
    pytest.param(
        SETTINGS,
        "port           = 22",
        "port = 99999",
        "key 'clients.de.port': must be less than 65536, not 99999",
        id="number out of bounds",
    ),
    pytest.param(
        SETTINGS,
        'user           = "r_shop"',
        "user = 5",
        "key 'clients.de.user': must be a text in \"quotes\", not 5",
        id="number for a text",
    ),
    pytest.param(
        SETTINGS,
        'host_keys      = ["ssh-rsa AAAA..."]',
        'host_keys = "ssh-rsa AAAA"',
        "key 'clients.de.host_keys': must be a list, as in [\"one\", \"another\"], not 'ssh-rsa AAAA'",
        id="text for a list",
    ),
    pytest.param(
        CLICKS,
        "nullable = true",
        'nullable = "maybe"',
        "key 'columns.userId.nullable': must be true or false, not 'maybe'",
        id="text for a truth",
    ),
    pytest.param(
        CLICKS,
        'mailingGroupId   = { name = "client_id", type = "int64", description = "Client ID (Mandant)." }',
        'mailingGroupId = "int64"',
        "key 'columns.mailingGroupId': must be a table, as in { key = ... }, not 'int64'",
        id="text for a column",
    ),
    pytest.param(
        CLICKS,
        'type = "timestamp"',
        'type = "time"',
        "key 'columns.created.type': 'time' is not known; did you mean 'timestamp'?",
        id="unknown word",
    ),
    pytest.param(
        CLICKS,
        '"click.device"   = { name = "device", type = "string"',
        '"click.device"   = { name = "device", type = "text"',
        "key 'columns.\"click.device\".type': 'text' is not known; write type = \"string\", with max_length where it has a longest",
        id="unknown word below a quoted key",
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
        SETTINGS,
        'host           = "sftp.example.com"',
        "",
        "key 'clients.de.host' is missing",
        id="missing key of a client",
    ),
    pytest.param(
        SETTINGS,
        "port           = 22",
        "port = ",
        "not valid TOML: Invalid value (at line 10, column 8)",
        id="no TOML",
    ),
    pytest.param(
        SETTINGS,
        'key            = "keys/id_rsa"',
        "# ",
        "key 'clients.de': needs either 'key' or 'password_env', to log in",
        id="no way to log in",
    ),
    pytest.param(
        SETTINGS,
        'timezone       = "Europe/Berlin"',
        'timezone = "Berlin"',
        "key 'clients.de.timezone': 'Berlin' is no time zone; write it as in 'Europe/Berlin'",
        id="no zone",
    ),
    pytest.param(
        SETTINGS,
        'upload         = "/incoming"',
        'upload = "incoming"',
        "key 'clients.de.upload': 'incoming' must start with '/': remote paths are absolute",
        id="relative remote path",
    ),
    pytest.param(
        SETTINGS,
        "duckdb:///var",
        "sqlite:///var",
        "key 'warehouse.url': 'sqlite' is no warehouse; write duckdb:///var/warehouse.duckdb",
        id="another warehouse",
    ),
    pytest.param(
        SETTINGS,
        "# files        = {",
        "files = { klicks = 'x' } # {",
        "key 'clients.de.files.klicks': no schema is called 'klicks'; did you mean 'clicks'?",
        id="file names of no schema",
    ),
    pytest.param(
        SETTINGS,
        "# files        = {",
        "files = { clicks = 'clicks.csv' } # {",
        "key 'clients.de.files.clicks': 'clicks.csv' needs {date:...} exactly once, as in '{date:%Y%m%d}_clicks.csv'",
        id="a client's bad pattern",
    ),
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
        CLICKS,
        "{date:%Y%m%d}_clicks",
        "{day:%Y%m%d}_clicks",
        "key 'table.file': '{day:%Y%m%d}_clicks.csv': braces belong to {date:...} and {part} only, as in '{date:%Y%m%d}_clicks.csv'",
        id="bad pattern",
    ),
    pytest.param(
        CLICKS,
        "links.link_id",
        "link.link_id",
        "column 'linkId' refers to 'link', which is no schema; did you mean 'links'?",
        id="reference to no schema",
    ),
    pytest.param(
        CLICKS,
        "links.link_id",
        "links.link",
        "column 'linkId' refers to 'links.link', but links has no such column; did you mean 'link_id'?",
        id="reference to no column",
    ),
    pytest.param(
        CLICKS,
        "links.link_id",
        "links",
        "key 'columns.linkId.references': 'links' must be 'schema.column', as in 'links.link_id'",
        id="reference without a column",
    ),
    pytest.param(
        CLICKS,
        'name = "link_id"',
        'name = "Link ID"',
        "key 'columns.linkId.name': 'Link ID' must be lower-case letters, digits and _ only, beginning with a letter",
        id="bad name of a column",
    ),
    pytest.param(
        CLICKS,
        'name = "mailing_id"',
        'name = "link_id"',
        "two columns are called 'link_id'",
        id="one name twice",
    ),
    pytest.param(
        CLICKS,
        'name = "mailing_id"',
        'name = "clicked_at_local"',
        "column 'clicked_at' is stored as 'clicked_at_local', which column 'clicked_at_local' takes already; give it another name",
        id="one stored name twice",
    ),
    pytest.param(
        CLICKS,
        "key         = []",
        'rules = ["finished_before_started"]',
        "no rule is called 'finished_before_started'; did you mean 'finished_not_before_started'?",
        id="unknown rule",
    ),
    pytest.param(
        CLICKS,
        "key         = []",
        'rules = ["finished_not_before_started"]',
        "rule 'finished_not_before_started' reads a column 'started_at', which the schema lacks; name a column so, or take the rule out",
        id="a rule that does not fit",
    ),
    pytest.param(
        CLICKS,
        'name        = "clicks"',
        'name = "click"',
        "key 'table.name' is 'click', the file's own name says 'clicks': make them equal",
        id="another name than the file's",
    ),
    pytest.param(
        CLICKS,
        'type = "timestamp"',
        'type = "enum"',
        "key 'columns.created': 'values' belongs to type 'enum', and an enum needs it",
        id="an enum without values",
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
        SETTINGS,
        "port           = 22",
        'port = "22"',
        "key 'clients.de.port': must be a whole number, not '22'",
        id="a port in quotes",
    ),
    pytest.param(
        CLICKS,
        "nullable = true",
        'nullable = "yes"',
        "key 'columns.userId.nullable': must be true or false, not 'yes'",
        id="another word for true",
    ),
    pytest.param(
        PULL,
        '"12:00"',
        "12:00:00",
        "key 'expected_by': must be a text in \"quotes\": a time of day, as in '12:00', not 12:00:00",
        id="a time of TOML",
    ),
    pytest.param(
        CLICKS,
        'header      = "auto"',
        "header = true",
        "key 'table.header': true is not known; there is 'auto', 'none', 'required'",
        id="a truth for a word",
    ),
    pytest.param(
        CLICKS,
        'header      = "auto"',
        'separator = "tab"',
        "key 'table.separator': 'tab' is not known; write \"\\t\"",
        id="a tab by name",
    ),
    pytest.param(
        CLICKS,
        'header      = "auto"',
        'separator = "#"',
        "key 'table.separator': '#' is not known; there is \"\\t\", ',', ';', '|'",
        id="an unknown separator",
    ),
    pytest.param(
        CLICKS,
        'type = "timestamp"',
        'type = "datetime"',
        "key 'columns.created.type': 'datetime' is not known; write type = \"timestamp\"",
        id="another word for a timestamp",
    ),
    pytest.param(
        CLICKS,
        'type = "int64"',
        'type = "bigint"',
        "key 'columns.linkId.type': 'bigint' is not known; write type = \"int64\"",
        id="another word for a number",
    ),
    pytest.param(
        CLICKS,
        '"string"',
        '"varchar(255)"',
        "key 'columns.userId.type': 'varchar(255)' is not known; write type = \"string\", with max_length where it has a longest",
        id="another word for a text",
    ),
    pytest.param(
        CLICKS,
        '"click.browser"',
        "click.browser",
        "key 'columns.click.browser': a header with a dot needs quotes, as in \"click.browser\" = { name = ... }",
        id="a header with a dot",
    ),
    pytest.param(
        CLICKS,
        'type = "timestamp"',
        'type = "timestamp", format = "iso"',
        "key 'columns.created': 'format' is 'iso', which tells no time; write it as in '%Y-%m-%d %H:%M:%S'",
        id="a format that tells no time",
    ),
    pytest.param(
        CLICKS,
        'type = "int64"',
        'type = "int64", format = "%Y"',
        "key 'columns.linkId': 'format' belongs to type 'timestamp', not to 'int64'",
        id="a format of a number",
    ),
    pytest.param(
        CLICKS,
        'type = "int64"',
        'type = "int64", unknown = "warn"',
        "key 'columns.linkId': 'unknown' belongs to type 'enum', not to 'int64'",
        id="unknown values of a number",
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
    pytest.param(
        SETTINGS,
        "duckdb:///var",
        "duckdb:/var",
        "key 'warehouse.url': 'duckdb:/var/warehouse.duckdb' names no file; write it with three slashes, as in duckdb:///var/warehouse.duckdb",
        id="a warehouse with one slash",
    ),
    pytest.param(
        SETTINGS,
        'user           = "r_shop"',
        'user = ""',
        "key 'clients.de.user': must not be empty",
        id="nobody to log in",
    ),
    pytest.param(
        SETTINGS,
        '"sftp.example.com"',
        '""',
        "key 'clients.de.host': '' must be the server's name alone, as in 'sftp.example.com'",
        id="no host",
    ),
    pytest.param(
        SETTINGS,
        '"sftp.example.com"',
        '"sftp://sftp.example.com"',
        "key 'clients.de.host': 'sftp://sftp.example.com' must be the server's name alone, as in 'sftp.example.com'",
        id="an address for a host",
    ),
    pytest.param(
        SETTINGS,
        '"sftp.example.com"',
        '"sftp.example.com:22"',
        "key 'clients.de.host': 'sftp.example.com:22' must be the server's name alone, as in 'sftp.example.com'",
        id="a host with its port",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "sentence"), CASES)
def test_a_wrong_file_is_told_in_one_sentence(
    root: Path, edit: Edit, file: str, old: str, new: str, sentence: str
) -> None:
    edit(file, old, new)
    assert f"{file}: {sentence}" in refusal(root)


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
    root: Path, edit: Edit, old: str, new: str, sentence: str
) -> None:
    edit(SUBSCRIBERS, old, new)
    assert refusal(root) == [f"{SEND}: {sentence}"]


def test_files_whose_names_can_not_be_told_apart_are_told(root: Path, edit: Edit) -> None:
    edit(CLICKS, "{date:%Y%m%d}_clicks", "{date:%Y%m%d}_{part}clicks")
    edit("schemas/opens.toml", "{date:%Y%m%d}_opens", "{date:%Y%m%d}_all_clicks")
    assert refusal(root) == [
        f"{PULL}: a file of 'clicks' can't be told from one of 'opens': make 'table.file' distinct"
    ]


def test_product_data_needs_a_name_of_its_own(root: Path, edit: Edit) -> None:
    text = (root / SUBSCRIBERS).read_text().replace('"subscribers"', '"products"')
    (root / "schemas/products.toml").write_text(text)
    edit(SEND, "[selection]", '[product_data]\nschema = "products"\nfile = "p.csv"\n\n[selection]')
    assert refusal(root) == [
        f"{SEND}: a file of 'subscribers' can't be told from one of 'products': make 'table.file' distinct"
    ]


def test_names_that_are_no_folder_names_are_refused(root: Path, edit: Edit) -> None:
    edit(SETTINGS, "[clients.de]", '[clients."../de"]')
    (root / PULL).rename(root / "jobs/pull responses.toml")
    told = "\n".join(refusal(root))
    assert "closedloop.toml: key 'clients.../de': call the client otherwise: " in told
    assert "jobs/pull responses.toml: call the file otherwise: " in told


def test_a_column_that_can_not_be_stored_is_told_once(root: Path, edit: Edit) -> None:
    edit(CLICKS, 'name = "link_id"', 'name = "line"')
    assert refusal(root) == [
        f"{CLICKS}: column 'line' is stored as 'line', which the line number takes already; give it another name"
    ]


def test_a_schema_without_columns_says_so(root: Path) -> None:
    text = (root / CLICKS).read_text()
    (root / CLICKS).write_text(text[: text.index("[columns]")] + "[columns]\n")
    assert refusal(root) == [f"{CLICKS}: key 'columns': must not be empty"]


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1", "sftp-1.example.com"])
def test_a_host_may_be_a_name_or_an_address(root: Path, edit: Edit, host: str) -> None:
    edit(SETTINGS, "sftp.example.com", host)
    assert load_project(root).client("de").host == host


def test_all_problems_are_told_at_once(root: Path, edit: Edit) -> None:
    edit(SETTINGS, "port           = 22", "port = 0")
    edit(SEND, "consent ", "# ")
    edit(CLICKS, "extra       =", "extras =")
    edit(CLICKS, "personal = true", "persnal = true")
    assert [sentence.partition(":")[0] for sentence in refusal(root)] == [
        SETTINGS,
        SEND,
        CLICKS,
        CLICKS,
    ]


def test_disagreements_of_several_files_are_told_at_once(root: Path, edit: Edit) -> None:
    edit(SEND, 'client         = "de"', 'client = "ed"')
    edit(CLICKS, "links.link_id", "links.link")
    assert len(refusal(root)) == 2


@pytest.mark.parametrize("folder", ["jobs", "schemas"])
def test_an_empty_folder_says_where_first_files_come_from(root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    assert f"{folder}/: there is no .toml file in" in refusal(root)[0]
    assert "'closedloop init' writes the first ones" in refusal(root)[0]


def test_a_folder_that_is_no_project_says_what_makes_one(tmp_path: Path) -> None:
    assert "'closedloop init' makes a project" in refusal(tmp_path)[0]


def test_a_file_in_another_encoding_says_so(root: Path) -> None:
    (root / SEND).write_bytes((root / SEND).read_bytes() + "# für\n".encode("latin-1"))
    assert refusal(root) == [f"{SEND}: can't be read: it is not UTF-8; save it as such"]


def test_a_file_with_a_byte_order_mark_is_read(root: Path) -> None:
    (root / SEND).write_bytes(b"\xef\xbb\xbf" + (root / SEND).read_bytes())
    assert "send_newsletter" in load_project(root).jobs


def with_own_clicks(root: Path, edit: Edit) -> Project:
    edit(SETTINGS, "# files        = {", "files = {")
    return load_project(root)


def test_a_client_may_have_its_own_file_names(root: Path, edit: Edit) -> None:
    project = with_own_clicks(root, edit)
    job = project.job("pull_responses")
    assert isinstance(job, PullJob)
    assert project.incoming(job)["clicks"].file == "{date:%Y%m%d}-klicks.csv"
    assert project.schemas["clicks"].file == "{date:%Y%m%d}_clicks.csv"


def test_a_blocklist_is_read_without_comments_and_blank_lines(root: Path, edit: Edit) -> None:
    edit(SETTINGS, "# blocklist", "blocklist")
    (root / "blocklist.txt").write_text("\ufeff# who asked us\n*@spam.test  # all\n\na@b.de\n")
    assert load_project(root).blocklist() == ["*@spam.test", "a@b.de"]


def test_a_blocklist_that_is_not_there_stops_the_job(root: Path, edit: Edit) -> None:
    edit(SETTINGS, "# blocklist", "blocklist")
    with pytest.raises(ProjectError) as caught:
        load_project(root).blocklist()
    assert str(caught.value) == (
        "closedloop.toml: key 'suppression.blocklist': 'blocklist.txt' can't be read: No such file or directory"
    )


@pytest.mark.parametrize("command", [["check"], ["run", "send_newsletter"], ["status"]])
def test_a_wrong_project_exits_with_2_and_nothing_is_touched(
    root: Path, edit: Edit, command: list[str]
) -> None:
    edit(SETTINGS, "port           = 22", "port = 0")
    before = sorted(root.rglob("*"))
    ended = subprocess.run(  # noqa: S603 our own command line
        [sys.executable, "-m", "closedloop", "--project", str(root), *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "closedloop: closedloop.toml: key 'clients.de.port': must be greater than 0, not 0\n"
    )
    assert ended.stdout == ""
    assert sorted(root.rglob("*")) == before
