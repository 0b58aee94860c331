"""A project's folder with its settings: what loads, and the sentence an operator gets for what does not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.errors import ProjectError
from closedloop.model.job import PullJob
from closedloop.project import Project, load_project

SETTINGS = "closedloop.toml"
SEND = "jobs/send_newsletter.toml"
PULL = "jobs/pull_responses.toml"
CLICKS = "schemas/clicks.toml"

Edit = Callable[[str, str, str], None]
Refusal = Callable[[], list[str]]


def test_the_starter_is_sound(root: Path) -> None:
    project = load_project(root)
    assert {*project.jobs} == {"send_newsletter", "pull_responses"}
    assert len(project.schemas) == 9


CASES = [
    pytest.param(
        "retention_days = 14",
        "retention_dais = 14",
        "unknown key 'clients.de.retention_dais'; did you mean 'retention_days'?",
        id="unknown key, nested",
    ),
    pytest.param(
        "[suppression]",
        "[supression]",
        "unknown key 'supression'; did you mean 'suppression'?",
        id="unknown section",
    ),
    pytest.param(
        "port           = 22",
        'port = "ssh"',
        "key 'clients.de.port': must be a whole number, not 'ssh'",
        id="text for a number",
    ),
    pytest.param(
        "port           = 22",
        "port = 99999",
        "key 'clients.de.port': must be less than 65536, not 99999",
        id="number out of bounds",
    ),
    pytest.param(
        'user           = "r_shop"',
        "user = 5",
        "key 'clients.de.user': must be a text in \"quotes\", not 5",
        id="number for a text",
    ),
    pytest.param(
        'host_keys      = ["ssh-rsa AAAA..."]',
        'host_keys = "ssh-rsa AAAA"',
        "key 'clients.de.host_keys': must be a list, as in [\"one\", \"another\"], not 'ssh-rsa AAAA'",
        id="text for a list",
    ),
    pytest.param(
        'host           = "sftp.example.com"',
        "",
        "key 'clients.de.host' is missing",
        id="missing key of a client",
    ),
    pytest.param(
        "port           = 22",
        "port = ",
        "not valid TOML: Invalid value (at line 10, column 8)",
        id="no TOML",
    ),
    pytest.param(
        'key            = "keys/id_rsa"',
        "# ",
        "key 'clients.de': needs either 'key' or 'password_env', to log in",
        id="no way to log in",
    ),
    pytest.param(
        'timezone       = "Europe/Berlin"',
        'timezone = "Berlin"',
        "key 'clients.de.timezone': 'Berlin' is no time zone; write it as in 'Europe/Berlin'",
        id="no zone",
    ),
    pytest.param(
        'upload         = "/incoming"',
        'upload = "incoming"',
        "key 'clients.de.upload': 'incoming' must start with '/': remote paths are absolute",
        id="relative remote path",
    ),
    pytest.param(
        "duckdb:///var",
        "sqlite:///var",
        "key 'warehouse.url': 'sqlite' is no warehouse; write duckdb:///var/warehouse.duckdb",
        id="another warehouse",
    ),
    pytest.param(
        "# files        = {",
        "files = { klicks = 'x' } # {",
        "key 'clients.de.files.klicks': no schema is called 'klicks'; did you mean 'clicks'?",
        id="file names of no schema",
    ),
    pytest.param(
        "# files        = {",
        "files = { clicks = 'clicks.csv' } # {",
        "key 'clients.de.files.clicks': 'clicks.csv' needs {date:...} exactly once, as in '{date:%Y%m%d}_clicks.csv'",
        id="a client's bad pattern",
    ),
    pytest.param(
        "port           = 22",
        'port = "22"',
        "key 'clients.de.port': must be a whole number, not '22'",
        id="a port in quotes",
    ),
    pytest.param(
        "duckdb:///var",
        "duckdb:/var",
        "key 'warehouse.url': 'duckdb:/var/warehouse.duckdb' names no file; write it with three slashes, as in duckdb:///var/warehouse.duckdb",
        id="a warehouse with one slash",
    ),
    pytest.param(
        'user           = "r_shop"',
        'user = ""',
        "key 'clients.de.user': must not be empty",
        id="nobody to log in",
    ),
    pytest.param(
        '"sftp.example.com"',
        '""',
        "key 'clients.de.host': '' must be the server's name alone, as in 'sftp.example.com'",
        id="no host",
    ),
    pytest.param(
        '"sftp.example.com"',
        '"sftp://sftp.example.com"',
        "key 'clients.de.host': 'sftp://sftp.example.com' must be the server's name alone, as in 'sftp.example.com'",
        id="an address for a host",
    ),
    pytest.param(
        '"sftp.example.com"',
        '"sftp.example.com:22"',
        "key 'clients.de.host': 'sftp.example.com:22' must be the server's name alone, as in 'sftp.example.com'",
        id="a host with its port",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), CASES)
def test_a_wrong_file_is_told_in_one_sentence(
    edit: Edit, refusal: Refusal, old: str, new: str, sentence: str
) -> None:
    edit(SETTINGS, old, new)
    assert f"{SETTINGS}: {sentence}" in refusal()


def test_names_that_are_no_folder_names_are_refused(
    root: Path, edit: Edit, refusal: Refusal
) -> None:
    edit(SETTINGS, "[clients.de]", '[clients."../de"]')
    (root / PULL).rename(root / "jobs/pull responses.toml")
    told = "\n".join(refusal())
    assert "closedloop.toml: key 'clients.../de': call the client otherwise: " in told
    assert "jobs/pull responses.toml: call the file otherwise: " in told


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1", "sftp-1.example.com"])
def test_a_host_may_be_a_name_or_an_address(root: Path, edit: Edit, host: str) -> None:
    edit(SETTINGS, "sftp.example.com", host)
    assert load_project(root).client("de").host == host


def test_all_problems_are_told_at_once(edit: Edit, refusal: Refusal) -> None:
    edit(SETTINGS, "port           = 22", "port = 0")
    edit(SEND, "consent ", "# ")
    edit(CLICKS, "extra       =", "extras =")
    edit(CLICKS, "personal = true", "persnal = true")
    assert [sentence.partition(":")[0] for sentence in refusal()] == [
        SETTINGS,
        SEND,
        CLICKS,
        CLICKS,
    ]


def test_disagreements_of_several_files_are_told_at_once(edit: Edit, refusal: Refusal) -> None:
    edit(SEND, 'client         = "de"', 'client = "ed"')
    edit(CLICKS, "links.link_id", "links.link")
    assert len(refusal()) == 2


@pytest.mark.parametrize("folder", ["jobs", "schemas"])
def test_an_empty_folder_says_where_first_files_come_from(
    root: Path, refusal: Refusal, folder: str
) -> None:
    shutil.rmtree(root / folder)
    assert f"{folder}/: there is no .toml file in" in refusal()[0]
    assert "'closedloop init' writes the first ones" in refusal()[0]


def test_a_folder_that_is_no_project_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="'closedloop init' makes a project"):
        load_project(tmp_path)


def test_a_file_in_another_encoding_says_so(root: Path, refusal: Refusal) -> None:
    (root / SEND).write_bytes((root / SEND).read_bytes() + "# für\n".encode("latin-1"))
    assert refusal() == [f"{SEND}: can't be read: it is not UTF-8; save it as such"]


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
