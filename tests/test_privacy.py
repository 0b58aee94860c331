"""Nothing that is told or kept holds an address, a name or a secret, but for the places made for them."""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path

import duckdb
import pytest
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.ssh import SSHPrivateKeyTypes

from closedloop.cli import cli, outcome
from closedloop.model.settings import Client
from closedloop.scaffold import write_project

NOW = "2026-11-20T13:00+01:00"

SECRETS = ("zqpassword", "zqphrase", "zqsmtp", "zqdatabase")
PEOPLE = ("zqaddr", "zqbad", "zqname", "zqsalut", "zqfree", "zqlink", "zqfile", "zqhalt", "zqbug")
MARKS = (*SECRETS, *PEOPLE)

OWN_TABLES = ("loads", "rejects", "sent_waves")
PLACES_OF_ADDRESSES = ("warehouse.duckdb", "archive", "quarantine", "landing", "outbox", "sent")

ENVIRONMENT = {
    "SHOP_PASSPHRASE": "zqphrase",
    "SHOP_PASSWORD": "zqpassword",
    "SMTP_PASSWORD": "zqsmtp",
}

CUSTOMERS = """\
Email;Anrede;Vorname;Nachname
zqaddr1@secret.example;zqsalut;zqname;zqname
zqaddr2@secret.example;zqsalut;zqname;zqname
zqbad(at)secret.example;zqsalut;zqname;zqname
zqaddr2@secret.example;zqsalut;zqname;zqname
"""
MAILINGS = """\
id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished
7;;1;12;2026-11-19 08:00:00;2026-11-19 08:10:00
"""
RECIPIENTS = """\
id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category
1;7;1;zqaddr1@secret.example;2026-11-19 08:00:00;sent;HARD;fatal_bounce
2;7;1;zqaddr2@secret.example;zqfree zqaddr3@secret.example;sent;zqfree;
"zqfree";zqaddr4@secret.example
3;7;1;zqaddr4@secret.example;2026-11-19 08:00:00;zqfree;OK;
"""
LINKS = """\
id;mailingId;mailingToUserId;mailingGroupId;name;url
4711;7;;1;zqlink;https://shop.example/?m=zqlink%40secret.example
"""
REFUSED = """\
linkId;mailingId;mailingToUserId;mailingGroupId;zqfree zqaddr@secret.example;created
"""

# Not where it is raised: a traceback shows that line.
WORDS_OF_A_BUG = "could not write 'zqbug' of zqbug@secret.example\nzqbug;zqname"

Edit = Callable[[Path], None]
Told = dict[str, str]


@dataclass(frozen=True)
class Story:
    """What is changed before, the commands given then, and how each of them must end."""

    edit: Edit | None
    commands: tuple[tuple[int, tuple[str, ...]], ...]
    breaks: str = ""


def edited(name: str, *changes: tuple[str, str]) -> Edit:
    def edit(root: Path) -> None:
        path = root / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            changed = re.sub(old, new, text, count=1, flags=re.MULTILINE | re.DOTALL)
            assert changed != text, f"{name} does not hold {old}"
            text = changed
        path.write_text(text, encoding="utf-8")

    return edit


def selecting(sql: str, source: str) -> Edit:
    return edited(
        "jobs/send_newsletter.toml",
        (r"^file .*?$", f'sql = """{sql}"""\nfrom = "{source}"'),
    )


def a_database(root: Path) -> None:
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute("create table customers as select 'zqaddr1@secret.example' as email, 'zqname' as name")  # fmt: skip
    sql = 'select email as "Email", cast(name as int) as "Anrede", name as "Vorname", name as "Nachname" from customers'
    selecting(sql, "duckdb:///shop.duckdb")(root)


def halted(root: Path) -> None:
    (root.parent / "server/errors/20261120 zqhalt@secret.example.csv.err").write_text("zqhalt")


def wrong_passphrase(root: Path) -> None:
    copy = root.parent / "id"
    private = serialization.load_ssh_private_key(copy.read_bytes(), b"zqphrase")
    write_locked(private, copy, b"another one")


def headless(root: Path) -> None:
    (root / "customers.csv").write_text(CUSTOMERS.partition("\n")[2])


def a_bug(*_: object, **__: object) -> None:
    raise ValueError(WORDS_OF_A_BUG)


SEND, PULL = ("run", "send_newsletter"), ("run", "pull_responses")
LOOK = (("status",), ("status", "--json"), ("restart", "--dry-run"))

STORIES = {
    "a good week": Story(
        None,
        (
            (0, ("check",)),
            (1, PULL),
            (75, (*PULL, "--json")),
            (1, (*PULL, "--date", "2026-11-20")),
            (0, (*SEND, "--dry-run")),
            (0, (*SEND, "--test", "--json")),
            (0, SEND),
            (0, (*SEND, "--again", "--json")),
        ),
    ),
    "the platform has halted": Story(halted, ((1, PULL), (75, SEND))),
    "nobody answers": Story(
        edited("closedloop.toml", (r"^port .*?$", "port = 1")), ((69, PULL), (69, SEND))
    ),
    "the key does not open": Story(wrong_passphrase, ((2, PULL), (2, SEND))),
    "the log-in is refused": Story(
        edited(
            "closedloop.toml",
            (r"^key .*?$", 'password_env = "SHOP_PASSWORD"'),
            (r"^passphrase_env.*?$", ""),
        ),
        ((69, PULL), (75, SEND)),
    ),
    "a query fails over a value": Story(a_database, ((0, ("check",)), (2, SEND))),
    "a database does not answer": Story(
        selecting("select 1", "postgresql://crm:zqdatabase@127.0.0.1:1/shop"), ((69, SEND),)
    ),
    "a database's URL is odd": Story(
        selecting("select 1", "postgresql://crm:zqdata base:zqdatabase@127.0.0.1:x/shop"),
        ((2, SEND),),
    ),
    "a selection without a header": Story(
        headless,
        ((2, ("check",)), (2, SEND)),
    ),
    "a bug in a send": Story(None, ((70, SEND), (75, SEND)), breaks="polars.DataFrame.write_csv"),
    "a bug in a pull": Story(
        None, ((70, PULL), (75, PULL)), breaks="zstandard.ZstdCompressor.copy_stream"
    ),
    "forgotten": Story(
        None,
        (
            (1, PULL),
            *((0, ("forget", "zqaddr2@secret.example", *also)) for also in ((), ("--dry-run",))),
        ),
    ),
}


@pytest.fixture(scope="module")
def root(sshd: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose every input holds marks; its server's folders lie beside it."""
    folder = tmp_path_factory.mktemp("privacy") / "first"
    for name in ("incoming", "outgoing", "errors", "logs"):
        (folder / "server" / name).mkdir(parents=True)
    outgoing = folder / "server/outgoing"
    (outgoing / "20261120_mailings.csv").write_text(MAILINGS)
    (outgoing / "20261120_mailingrecipients.csv").write_text(RECIPIENTS)
    (outgoing / "20261120_links.csv").write_text(LINKS)
    (outgoing / "20261120_clicks.csv").write_text(REFUSED)
    (outgoing / "20261120_opens.csv zqfile@secret.example").write_text("zqfree")
    private = serialization.load_ssh_private_key(Path(str(sshd.key)).read_bytes(), None)
    write_locked(private, folder / "id", b"zqphrase")
    project = folder / "shop"
    write_project(project, "de", client_section(sshd), rehearsal=True)
    (project / "customers.csv").write_text(CUSTOMERS)
    with (project / "closedloop.toml").open("a") as settings:
        settings.write(MAIL)
    with (project / "jobs/send_newsletter.toml").open("a") as job:
        job.write('\n[test_recipients]\nfile = "customers.csv"\n')
    return project


MAIL = """
[mail]
url  = "smtp://127.0.0.1:1"
from = "closedloop@shop.example"
to   = ["data-ops@shop.example"]
user = "mailer"
password_env = "SMTP_PASSWORD"
"""


def write_locked(private: SSHPrivateKeyTypes, path: Path, passphrase: bytes) -> None:
    locked = serialization.BestAvailableEncryption(passphrase)
    path.touch(mode=0o600)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    path.write_bytes(private.private_bytes(encoding, form, locked))


def client_section(sshd: Client) -> str:
    folders = ((key, f"{{server}}/{name}") for key, name in (("upload", "incoming"), ("download", "outgoing"), ("errors", "errors")))  # fmt: skip
    lines = [
        "[clients.de]",
        f'host = "{sshd.host}"',
        f"port = {sshd.port}",
        f'user = "{sshd.user}"',
        'key = "../id"',
        'passphrase_env = "SHOP_PASSPHRASE"',
        f'host_keys = ["{sshd.host_keys[0]}"]',
        *(f'{key} = "{path}"' for key, path in folders),
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of one story's own, where no umask protects what is written."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    project = shutil.copytree(root.parent, tmp_path / "first") / "shop"
    settings = project / "closedloop.toml"
    settings.write_text(settings.read_text().replace("{server}", str(project.parent / "server")))
    before = os.umask(0)
    yield project
    os.umask(before)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_whatever_happens_no_address_name_or_secret_is_told_or_left_open(
    name: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story, told, codes = STORIES[name], list[str](), list[int]()
    if story.edit:
        story.edit(project)
    for expected, words in (*story.commands, *((None, words) for words in LOOK)):
        with monkeypatch.context() as broken:
            if story.breaks:
                broken.setattr(story.breaks, a_bug)
            line = ["--project", str(project), "-vv", "--now", NOW, *words]
            codes.append(outcome(partial(cli.main, line, standalone_mode=False)))
        out, err = capsys.readouterr()
        told += [out, err]
        assert codes[-1] == expected or expected is None, (words, out, err)
    told.append(caplog.text)
    assert held("\n".join(told)) == []
    state = project / "var"
    assert leaks(state) == {}
    assert open_to_others(state) == {}
    assert "traceback" in "".join(told).lower() or 70 not in codes


def leaks(state: Path) -> dict[str, list[str]]:
    """Return what stands where it must not: a secret anywhere, anything else outside of its places."""
    found = {}
    for path in (path for path in state.rglob("*") if path.is_file()):
        marks = held(path.name) + held(content(path))
        if path.relative_to(state).parts[0] in PLACES_OF_ADDRESSES:
            marks = [mark for mark in marks if mark in SECRETS] + held(path.name)
        if marks:
            found[path.name] = marks
    return found


def content(path: Path) -> str:
    """Return what a file holds, unpacked: letters, tables and copies are not to be read as bytes alone."""
    data = path.read_bytes()
    if path.suffix == ".eml":
        letter = message_from_bytes(data, policy=policy.default)
        parts = [part.get_content() for part in letter.walk() if not part.is_multipart()]
        return "\n".join([*map(str, parts), str(letter)])
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().decompress(data)
    return data.decode("latin-1")


def held(text: str) -> list[str]:
    lowered = text.lower()
    return [mark for mark in MARKS if mark in lowered]


def open_to_others(state: Path) -> dict[str, str]:
    return {
        str(path.relative_to(state)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (state, *state.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def test_the_tables_about_the_loads_hold_numbers_and_names_of_files_only(project: Path) -> None:
    outcome(partial(cli.main, ["--project", str(project), "--now", NOW, *PULL], standalone_mode=False))  # fmt: skip
    with duckdb.connect(str(project / "var/warehouse.duckdb"), read_only=True) as stored:
        rows = {own: stored.sql(f"from {own}").fetchall() for own in OWN_TABLES}
        assert stored.sql("from raw_mailing_recipients").fetchall()
    assert rows["rejects"]
    assert held(repr(rows)) == []


def test_a_check_names_what_others_can_read(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked() -> list[str]:
        outcome(partial(cli.main, ["--project", str(project), "check"], standalone_mode=False))
        return [line for line in capsys.readouterr().out.splitlines() if "by others" in line]

    state = project / "var"
    state.mkdir(mode=0o700, exist_ok=True)
    assert asked() == []
    for path in (state, project.parent / "id", project / "closedloop.toml"):
        before = path.stat().st_mode
        path.chmod(before | stat.S_IRGRP)
        (line,) = asked()
        assert re.search(rf"{path.name} can be read by others on this machine: chmod go= ", line)
        path.chmod(before)


def test_init_writes_the_settings_for_the_owner_alone(tmp_path: Path) -> None:
    write_project(tmp_path / "new", "de", "[clients.de]\n", rehearsal=False)
    assert open_to_others(tmp_path / "new")["jobs"]
    assert "closedloop.toml" not in open_to_others(tmp_path / "new")
