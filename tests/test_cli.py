"""The commands as an operator and cron meet them: what they print, and how they exit."""

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, NamedTuple

import click
import duckdb
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from closedloop import errors
from closedloop.cli import EXIT_CODES, cli, outcome
from closedloop.core import answers
from closedloop.flows.runner import alone
from closedloop.model.settings import Client
from closedloop.newsettings import Answers, client_section
from closedloop.project import load_project
from closedloop.scaffold import write_project
from closedloop.state import StateFolder

REPOSITORY = Path(__file__).parents[1]
NOW = "2026-11-20T13:00+01:00"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def closedloop(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str | Path) -> Ended:
        capsys.readouterr()
        code = outcome(lambda: cli.main([*map(str, words)], standalone_mode=False))
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    section = client_section(
        Answers("de", "127.0.0.1", 1, "r_shop", "keys/id_rsa", ("ssh-rsa AAAA...",))
    )
    write_project(root, "de", section, rehearsal=True)
    return root


@pytest.fixture(scope="session")
def other_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def commands(group: click.Group, *before: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found.append((*before, name))
        if isinstance(command, click.Group):
            found += commands(command, *before, name)
    return found


ALL = commands(cli)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_help_of_each_command_has_an_example_on_a_line_of_its_own(
    words: tuple[str, ...], closedloop: Run
) -> None:
    ended = closedloop(*words, "--help")
    assert ended.code == 0
    assert re.search(rf"^ +closedloop .*\b{words[-1]}\b", ended.out, re.MULTILINE)
    assert "\\b" not in ended.out


def test_the_first_help_names_every_command_and_a_first_step(closedloop: Run) -> None:
    ended = closedloop("--help")
    assert ended.code == 0
    for words in ALL:
        assert f"\n  {words[0]} " in ended.out
    assert "closedloop demo\n" in ended.out


def exit_codes(kind: type[errors.ClosedLoopError] = errors.ClosedLoopError) -> set[int]:
    below = (exit_codes(each) for each in kind.__subclasses__())
    return {kind.exit_code}.union(*below)


def test_the_exit_codes_in_the_help_are_those_of_the_errors(closedloop: Run) -> None:
    told = [int(code) for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)]
    assert told == sorted(exit_codes() | {0, 70})
    assert EXIT_CODES.strip("\b\n").splitlines()[-1] in closedloop("--help").out


def test_the_exit_codes_in_the_readme_are_those_of_the_errors() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)]
    assert told == sorted(exit_codes() | {0, 70})


def test_the_readme_names_every_command() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    for words in ALL:
        assert f"closedloop {' '.join(words)}" in readme


def test_the_readme_links_to_what_is_there() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", readme) if "://" not in link]
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["rnu"], "No such command 'rnu'; did you mean 'run'?", id="command"),
        pytest.param(["run", "send_newsletter", "--frob"], "No such option '--frob'", id="option"),
        pytest.param(["run"], "Missing argument 'JOB'", id="no job"),
        pytest.param(["--now", "soon", "status"], "'soon' is no time; write it as", id="time"),
        pytest.param(
            ["run", "send_newsleter"],
            "closedloop: there is no job called 'send_newsleter'; did you mean 'send_newsletter'?",
            id="misspelt job",
        ),
        pytest.param(
            ["run", "pull_responses", "--again"],
            "closedloop: jobs/pull_responses.toml is a pull job: --again and --test belong to send jobs",
            id="a pull again",
        ),
        pytest.param(
            ["run", "send_newsletter", "--date", "2026-11-20"],
            "closedloop: jobs/send_newsletter.toml is a send job: --date belongs to pull jobs",
            id="a send of a day",
        ),
        pytest.param(
            ["run", "pull_responses", "--date", "20.11.2026"],
            "'20.11.2026' is no day; write it as 2026-11-20",
            id="day",
        ),
        pytest.param(
            ["run", "pull_responses", "--date", "2026-11-20", "--dry-run"],
            "there is no --dry-run of it",
            id="a day rehearsed",
        ),
        pytest.param(
            ["run", "send_newsletter", "--test"],
            "jobs/send_newsletter.toml: --test needs a section [test_recipients], with 'sql' or 'file'",
            id="nobody to test with",
        ),
        pytest.param(
            ["--project", "nowhere", "status"], "'closedloop init' makes a project", id="project"
        ),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_touches_nothing(
    shop: Path, closedloop: Run, words: list[str], sentence: str
) -> None:
    before = sorted(shop.rglob("*"))
    ended = closedloop("--project", shop, *words)
    assert ended.code == 2
    assert sentence in ended.err
    assert sorted(shop.rglob("*")) == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_can_not_be_printed_is_said_in_a_sentence(
    shop: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("w") as full:
        ended = printing(shop, full)
    assert ended.returncode == 1
    assert ended.stderr == (
        "closedloop: what it had to say could not be written: No space left on device; make room there, or print it elsewhere. "
        f"What was done stays done: closedloop --project {shop} status\n"
    )


def test_a_reader_that_has_seen_enough_gets_no_complaint(shop: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        ended = printing(shop, pipe)
    assert (ended.returncode, ended.stderr) == (1, "")


def printing(shop: Path, where: IO[str]) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "closedloop", "-p", str(shop), "status"]
    return subprocess.run(  # noqa: S603 our own program
        words, stdout=where, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NO_COLOR", "1"), ("TERM", "dumb"), pytest.param("LINES", "25", id="neither")],
)
def test_a_terminal_without_colours_gets_none(
    shop: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        printing(shop, terminal)
        shown = os.read(master, 4096)
    os.close(master)
    assert b"job" in shown
    assert (b"\x1b[1m" in shown) is (variable == "LINES")


def test_a_run_waits_for_nobody_who_holds_its_lock(shop: Path, closedloop: Run) -> None:
    project = load_project(shop)
    with alone(project.job("pull_responses"), StateFolder(project.state)):
        ended = closedloop("--project", shop, "run", "pull_responses")
    assert ended.code == 75
    assert re.fullmatch(
        r"closedloop: pull_responses: another run of this job is under way "
        r"\(pull_responses, process \d+, since [-\d]+ [:\d]+ UTC\); nothing was done\n",
        ended.err,
    )


@pytest.mark.parametrize(
    "words",
    [
        "run pull_responses",
        "run send_newsletter",
        "run send_newsletter --retry",
        "status",
        "restart",
        "restart --dry-run",
        "resend 20261121060000 --soft-bounces",
        "forget anna@example.com",
        "forget anna@example.com --dry-run",
        "quarantine list",
        "quarantine replay 20261120_clicks.csv",
        "report",
        "dashboard",
    ],
)
def test_no_command_takes_a_state_folder_that_is_gone_for_a_new_one(
    shop: Path, closedloop: Run, words: str
) -> None:
    shutil.rmtree(shop / "var")
    (shop / "var").mkdir()
    ended = closedloop("--project", shop, *words.split())
    assert ended.code == 75
    assert ended.err == (
        f"closedloop: {shop}/var: the state folder is not there, or empty. If its disk is not mounted, mount it; for a new "
        f"installation make it: (umask 077; mkdir -p {shop}/var/locks). Nothing was done\n"
    )
    assert list((shop / "var").iterdir()) == []


def test_a_bug_of_ours_shows_its_traceback_and_exits_with_70(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert outcome(lambda: 1 // 0) == 70
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "this is a bug of closedloop" in shown


def test_every_line_of_an_error_says_who_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise errors.ProjectError("one\nanother")

    assert outcome(fail) == 2
    assert capsys.readouterr().err == "closedloop: one\nclosedloop: another\n"


def test_a_server_that_is_not_the_known_one_exits_with_69(
    desk: "Desk", other_key: str, closedloop: Run
) -> None:
    settings = desk.shop / "closedloop.toml"
    settings.write_text(
        re.sub("host_keys .*", f'host_keys = ["{other_key}"]', settings.read_text())
    )
    ended = closedloop("--project", desk.shop, "run", "pull_responses")
    assert ended.code == 69
    assert "host_keys" in ended.err


def test_a_key_that_is_not_there_exits_with_2(shop: Path, closedloop: Run) -> None:
    ended = closedloop("--project", shop, "run", "pull_responses")
    assert ended.code == 2
    assert "keys/id_rsa" in ended.err


def test_the_status_of_a_new_project_says_that_nothing_ran_and_makes_nothing(
    shop: Path, closedloop: Run
) -> None:
    ended = closedloop("--project", shop, "--now", NOW, "status")
    assert ended.code == 0
    assert ended.out.count("never ran") == 2
    assert [path.name for path in (shop / "var").rglob("*")] == ["locks"]


def test_the_status_as_json_is_for_machines(shop: Path, closedloop: Run) -> None:
    ended = closedloop("--project", shop, "--now", NOW, "status", "--json")
    pull, send = json.loads(ended.out)["jobs"]
    assert (pull["job"], pull["last_run"], pull["exit_code"]) == ("pull_responses", None, None)
    assert pull["next_slot"] == "2026-11-20T12:10:00+00:00"
    assert send["next_slot"] == "2026-11-24T05:00:00+00:00"
    assert send["sentences"] == []


@pytest.mark.parametrize("named", [True, False])
def test_the_status_types_commands_as_the_command_line_did(
    shop: Path, closedloop: Run, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    (shop / "var" / "mail").mkdir(parents=True)
    (shop / "var" / "mail" / "1.eml").write_text("x")
    monkeypatch.chdir(shop.parent if named else shop)
    ended = closedloop(*(["--project", "shop"] if named else []), "status")
    folder = f"--project {shop} " if named else ""
    assert f"closedloop {folder}check --online says" in ended.out


def test_the_status_as_json_names_what_waits_in_the_state_folder(
    shop: Path, closedloop: Run
) -> None:
    (shop / "var" / "mail").mkdir(parents=True)
    (shop / "var" / "mail" / "1.eml").write_text("x")
    told = json.loads(closedloop("--project", shop, "status", "--json").out)
    (sentence,) = told["state"]["waiting"]
    assert sentence.startswith("1 letter not delivered yet")


def test_the_crontab_is_the_example_in_the_repository(
    tmp_path: Path, closedloop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = client_section(
        Answers("de", "sftp.example.com", 22, "r", "keys/id_rsa", ("ssh-rsa AAAA",))
    )
    root = tmp_path / "newsletter"
    write_project(root, "de", section, rehearsal=False)
    monkeypatch.setattr("sys.argv", ["/srv/newsletter/.venv/bin/closedloop"])
    printed = closedloop("--project", root, "schedule", "cron").out
    example = (REPOSITORY / "crontab.example").read_text()
    assert printed.replace(str(root), "/srv/newsletter") == example


def test_started_as_a_module_the_crontab_starts_the_module(
    shop: Path, closedloop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/lib/closedloop/__main__.py"])
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")
    printed = closedloop("--project", shop, "schedule", "cron").out
    assert f" /usr/bin/python3 -m closedloop --project {shop} run pull_responses\n" in printed


def test_init_writes_a_project_that_check_finds_sound(tmp_path: Path, closedloop: Run) -> None:
    root = tmp_path / "shop"
    made = closedloop("init", root, "--client", "at", "--host", "sftp.example.org")
    assert made.code == 0
    assert f"closedloop --project {root} check" in made.out
    checked = closedloop("--project", root, "check")
    assert checked.code == 0
    assert "1 client, 2 jobs, 9 schemas: they are sound and fit each other" in checked.out
    assert "clients.at.key: 'keys/id_rsa' is not there yet" in checked.out


def test_the_commands_that_init_prints_can_be_typed_as_they_stand(
    tmp_path: Path, platform: Path, closedloop: Run
) -> None:
    for options in ((), ("--emulator", platform, "--client", "fr")):
        root = tmp_path / f"my shop ä{len(options)}"
        printed = closedloop("init", root, *options).out
        commands = [shlex.split(line) for line in printed.splitlines() if "closedloop --" in line]
        assert [words[:3] for words in commands] == [["closedloop", "--project", str(root)]] * 3


def test_init_never_overwrites_a_project(shop: Path, closedloop: Run) -> None:
    before = (shop / "closedloop.toml").read_text()
    ended = closedloop("init", shop)
    assert ended.code == 2
    assert "there is a project already; nothing was written" in ended.err
    assert (shop / "closedloop.toml").read_text() == before


def test_init_below_a_file_says_where_it_stopped(tmp_path: Path, closedloop: Run) -> None:
    (tmp_path / "file").write_text("")
    ended = closedloop("init", tmp_path / "file" / "shop")
    assert ended.code == 2
    assert f"can't be written: {tmp_path / 'file'} is no folder to write in" in ended.err


def test_init_without_its_emulator_says_how_to_start_one(tmp_path: Path, closedloop: Run) -> None:
    ended = closedloop("init", tmp_path / "shop", "--emulator", tmp_path / "platform")
    assert ended.code == 2
    assert f"start it first: closedloop emulate {tmp_path / 'platform'}" in ended.err
    assert not (tmp_path / "shop").exists()


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """The folder of an emulator with two clients."""
    sections = [
        client_section(Answers(name, "127.0.0.1", 1, "r", "k", ("ssh-rsa AAAA",)))
        for name in ("at", "fr")
    ]
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform/client.toml").write_text("\n".join(sections))
    return tmp_path / "platform"


def test_init_speaks_for_the_emulated_client_that_is_named(
    tmp_path: Path, platform: Path, closedloop: Run
) -> None:
    assert closedloop("init", tmp_path / "shop", "--emulator", platform, "--client", "fr").code == 0
    project = load_project(tmp_path / "shop")
    assert {job.client for job in project.jobs.values()} == {"fr"}
    assert project.client("fr").user == "r"


def test_init_speaks_for_the_only_client_of_an_emulator(
    tmp_path: Path, platform: Path, closedloop: Run
) -> None:
    settings = (platform / "client.toml").read_text()
    (platform / "client.toml").write_text(settings[settings.index("[clients.fr]") :])
    assert closedloop("init", tmp_path / "shop", "--emulator", platform).code == 0
    assert {job.client for job in load_project(tmp_path / "shop").jobs.values()} == {"fr"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "it has 2 clients; choose one with --client: at, fr"),
        (["--client", "frr"], "has no client 'frr'; did you mean 'fr'?"),
    ],
)
def test_init_refuses_a_client_that_the_emulator_lacks(
    tmp_path: Path, platform: Path, closedloop: Run, words: list[str], sentence: str
) -> None:
    ended = closedloop("init", tmp_path / "shop", "--emulator", platform, *words)
    assert ended.code == 2
    assert sentence in ended.err
    assert not (tmp_path / "shop").exists()


def test_init_writes_whatever_it_is_given_so_that_it_can_be_read(
    tmp_path: Path, closedloop: Run
) -> None:
    closedloop("init", tmp_path / "shop", "--user", 'a"b\\ü\x7f', "--key", "C:\\keys")
    client = load_project(tmp_path / "shop").client("de")
    assert (client.user, client.key) == ('a"b\\ü\x7f', "C:\\keys")


@pytest.mark.parametrize("name", ['a"b', "a b", "../x", "a.b"])
def test_init_refuses_a_client_that_can_be_no_folder(
    tmp_path: Path, closedloop: Run, name: str
) -> None:
    ended = closedloop("init", tmp_path / "shop", "--client", name)
    assert ended.code == 2
    assert "letters, digits, _ and -" in ended.err
    assert not (tmp_path / "shop").exists()


def select(shop: Path, text: str) -> None:
    job = shop / "jobs" / "send_newsletter.toml"
    kept = job.read_text()
    job.write_text(kept[: kept.index("[selection]")] + f"[selection]\n{text}\n")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        pytest.param('[metrics]\nfile = "shop.prom"', "metrics.file", id="the metrics"),
        pytest.param('[dashboard]\nfile = "../page.html"', "dashboard.file", id="the page above"),
    ],
)
def test_no_unit_may_write_into_the_project_itself(
    shop: Path, closedloop: Run, settings: str, key: str
) -> None:
    with (shop / "closedloop.toml").open("a") as stream:
        stream.write(f"\n{settings}\n")
    ended = closedloop("--project", shop, "schedule", "systemd")
    assert (ended.code, ended.out) == (2, "")
    assert f"key '{key}': a unit would have to be allowed to write all of" in ended.err


def test_a_unit_may_write_where_the_metrics_have_a_folder(shop: Path, closedloop: Run) -> None:
    with (shop / "closedloop.toml").open("a") as stream:
        stream.write('\n[metrics]\nfile = "metrics/shop.prom"\n')
    printed = closedloop("--project", shop, "schedule", "systemd").out
    assert f"ReadWritePaths=-{shop / 'metrics'}\n" in printed


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        pytest.param(
            'file = "nix.csv"',
            "'nix.csv' does not exist; 'file' is relative to the project's folder",
            id="no file",
        ),
        pytest.param(
            'file = "short.csv"',
            "column 'Nachname' of schemas/subscribers.toml is not selected",
            id="a column short",
        ),
        pytest.param(
            'file = "long.csv"',
            "column 'Points' is not in schemas/subscribers.toml; leave it out",
            id="a column more",
        ),
        pytest.param(
            'file = "filled.csv"',
            "column 'WELLE_ID' is filled by closedloop: leave it out",
            id="a filled column",
        ),
        pytest.param(
            'sql = "select 1 as Email"\nfrom = "duckdb:///shop.duckdb"',
            "column 'Vorname' of schemas/subscribers.toml is not selected",
            id="a query",
        ),
        pytest.param(
            'sql = "select * from customers"\nfrom = "duckdb:///shop.duckdb"',
            "the query is refused: Catalog Error: Table with name customers does not exist! It was looked for in the database that 'from' names",
            id="no table",
        ),
        pytest.param('file = "jobs"', "'jobs' is a folder; name the .csv or", id="a folder"),
        pytest.param(
            'file = "twice.csv"',
            "'twice.csv' has the column 'Email' twice; give each a name of its own",
            id="a column twice",
        ),
        pytest.param(
            'sql = "selec 1"\nfrom = "duckdb:///shop.duckdb"',
            "the query is refused",
            id="no query",
        ),
    ],
)
def test_check_reads_the_selections_of_this_machine(
    shop: Path, closedloop: Run, selection: str, sentence: str
) -> None:
    duckdb.connect(shop / "shop.duckdb").close()
    (shop / "short.csv").write_text("Email;Anrede;Vorname\n")
    (shop / "long.csv").write_text("Email;Anrede;Vorname;Nachname;Points\n")
    (shop / "twice.csv").write_text("Email;Anrede;Vorname;Nachname;Email\n")
    (shop / "filled.csv").write_text("Email;Anrede;Vorname;Nachname;WELLE_ID\n")
    select(shop, selection)
    ended = closedloop("--project", shop, "check")
    assert ended.code == 2
    assert f"closedloop: jobs/send_newsletter.toml: selection: {sentence}" in ended.err


@pytest.mark.parametrize(
    "sql", ["from list; -- all of them", "with a as (from list) from a", "from list ; ;"]
)
def test_check_takes_every_query_that_a_run_takes(shop: Path, closedloop: Run, sql: str) -> None:
    with duckdb.connect(shop / "shop.duckdb") as db:
        db.execute("create table list (Email text, Anrede text, Vorname text, Nachname text)")
    select(shop, f'sql = "{sql}"\nfrom = "duckdb:///shop.duckdb"')
    ended = closedloop("--project", shop, "check")
    assert (ended.code, ended.err) == (0, "")


def test_check_names_each_column_that_the_answers_lack(shop: Path, closedloop: Run) -> None:
    path = shop / "schemas/responses.toml"
    path.write_text(path.read_text().replace('"category"', '"kind"').replace("responded_at", "at"))
    ended = closedloop("--project", shop, "check")
    assert ended.code == 2
    assert [line.partition(", which")[0] for line in ended.err.splitlines()] == [
        'closedloop: schemas/responses.toml: no column has name = "responded_at"',
        'closedloop: schemas/responses.toml: no column has name = "category"',
    ]


def test_the_answers_need_no_other_columns_than_check_asks_for(shop: Path, closedloop: Run) -> None:
    for name, read in answers.READ.items():
        path = shop / f"schemas/{name}.toml"
        lines = re.sub("^rules .*\n", "", path.read_text(), flags=re.MULTILINE).splitlines()
        unread = [line for line in lines if "{ name =" in line and not names_one(line, read)]
        path.write_text("\n".join(line for line in lines if line not in unread))
    assert closedloop("--project", shop, "check").code == 0


def names_one(line: str, names: Iterable[str]) -> bool:
    return any(f'{{ name = "{name}"' in line for name in names)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        pytest.param(
            "schemas/unsubscribes.toml", 'type = "string"', 'type = "int64"',
            "schemas/unsubscribes.toml: column 'userId': type 'int64' is none that the warehouse's answers can read in 'recipient'; make it 'string' or",
            id="a type that can't be read",
        ),
        pytest.param(
            "schemas/clicks.toml", 'name = "device"', 'name = "client"',
            "schemas/clicks.toml: the warehouse adds a column 'client' of its own; give",
            id="a column that the warehouse adds",
        ),
        pytest.param(
            "closedloop.toml", "ssh-rsa AAAA...", "ssh-rsa ABCD",
            "closedloop.toml: clients.de.host_keys: 'ssh-rsa ABCD' is no host key; write it as",
            id="no host key",
        ),
    ],
)  # fmt: skip
def test_check_finds_what_the_first_run_would_refuse(
    shop: Path, closedloop: Run, file: str, old: str, new: str, sentence: str
) -> None:
    text = (shop / file).read_text()
    assert old in text
    text = text.replace(old, new, 1).replace(
        "max_length = 255,", "" if "int64" in new else "max_length = 255,"
    )
    (shop / file).write_text(text)
    ended = closedloop("--project", shop, "check")
    assert ended.code == 2
    assert f"closedloop: {sentence}" in ended.err
    assert [path.name for path in (shop / "var").rglob("*")] == ["locks"]


def test_check_refuses_a_schema_whose_name_is_taken(shop: Path, closedloop: Run) -> None:
    text = (shop / "schemas/clicks.toml").read_text().replace('"clicks"', '"campaigns"')
    (shop / "schemas/campaigns.toml").write_text(text.replace("_clicks.csv", "_campaigns.csv"))
    job = shop / "jobs/pull_responses.toml"
    job.write_text(job.read_text().replace('"clicks"', '"clicks", "campaigns"'))
    ended = closedloop("--project", shop, "check")
    assert ended.code == 2
    assert (
        "schemas/campaigns.toml: the warehouse has a table, view or column of this name"
        in ended.err
    )


def test_check_says_which_files_are_not_read(shop: Path, closedloop: Run) -> None:
    (shop / "jobs/second.tml").touch()
    (shop / "jobs/.gitkeep").touch()
    ended = closedloop("--project", shop, "check")
    assert ended.code == 0
    assert "jobs/second.tml is not read, for its name does not end in .toml" in ended.out
    assert ".gitkeep" not in ended.out


def test_check_says_what_it_could_not_see(shop: Path, closedloop: Run) -> None:
    select(shop, 'sql = "select 1"\nfrom = "postgresql://crm@db.example.com/shop"')
    ended = closedloop("--project", shop, "check")
    assert ended.code == 0
    assert "selection: not checked: it is asked when the job runs" in ended.out


class Desk(NamedTuple):
    """A project whose server is a folder of this disk."""

    shop: Path
    incoming: Path
    outgoing: Path


@pytest.fixture
def desk(sshd: Client, client_on: Callable[[Path], Client], tmp_path: Path) -> Desk:
    client = client_on(tmp_path / "remote")
    root = tmp_path / "shop"
    section = client_section(
        Answers("de", client.host, client.port, sshd.user, str(client.key), client.host_keys)
    )
    section = section.replace('"/incoming"', f'"{client.upload}"')
    section = section.replace('"/outgoing"', f'"{client.download}"')
    write_project(root, "de", section, rehearsal=True)
    return Desk(root, Path(client.upload), Path(client.download))


def deliver(desk: Desk, day: str, *kinds: str) -> None:
    heads = {
        "mailings": "id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n",
        "links": "id;mailingId;mailingToUserId;mailingGroupId;name;url\n",
    }
    for kind in kinds:
        (desk.outgoing / f"{day}_{kind}.csv").write_text(heads[kind])


def test_cron_hears_of_a_missing_file_once_a_day(desk: Desk, closedloop: Run) -> None:
    def pull(now: str, *more: str) -> Ended:
        return closedloop("-p", desk.shop, "--now", now, "run", "pull_responses", *more)

    job = desk.shop / "jobs" / "pull_responses.toml"
    job.write_text(re.sub(r"schemas      = .*", 'schemas = ["mailings", "links"]', job.read_text()))
    deliver(desk, "20261119", "mailings", "links")
    deliver(desk, "20261120", "mailings")
    told = pull("2026-11-20T12:00+01:00")
    assert told == Ended(
        0,
        "",
        "closedloop: pull_responses: links of 2026-11-20 is missing: 14 days left to fetch it\n",
    )
    assert pull("2026-11-20T12:10+01:00") == Ended(0, "", "")
    assert "links of 2026-11-20 is missing" in pull("2026-11-20T12:15+01:00", "--dry-run").out
    assert pull("2026-11-20T12:20+01:00") == Ended(0, "", "")
    next_day = pull("2026-11-21T00:10+01:00")
    assert "links of 2026-11-20 is missing: 13 days left" in next_day.err
    deliver(desk, "20261120", "links")
    assert pull("2026-11-21T00:20+01:00") == Ended(0, "", "")
    assert json.loads(pull("2026-11-21T00:30+01:00", "--json").out)["result"]["missing"] == []


def test_cron_hears_of_rejected_rows_once(desk: Desk, closedloop: Run) -> None:
    words = ("-p", desk.shop, "--now", "2026-11-20T10:00+01:00", "run", "pull_responses")
    deliver(desk, "20261120", "mailings", "links")
    file = desk.outgoing / "20261120_links.csv"
    file.write_text(file.read_text() + "1;2;3;4;home;https://example.com/\none;2;3;4;home;x\n")
    told = closedloop(*words)
    assert (told.code, told.out) == (0, "")
    assert "20261120_links.csv: 1 of 2 rows rejected; they are in var/quarantine/" in told.err
    assert closedloop(*words) == Ended(0, "", "")


def test_talking_once_is_the_report_and_twice_the_log_as_well(
    desk: Desk, closedloop: Run, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(desk, "20261120", "mailings", "links")
    words = ("run", "pull_responses", "--date", "2026-11-20")
    once = closedloop("-p", desk.shop, "-v", *words)
    assert "20261120_links.csv" in once.out
    assert caplog.messages == []
    twice = closedloop("-p", desk.shop, "-vv", *words)
    assert "20261120_links.csv: 0 loaded, 0 quarantined, 0 blank" in caplog.messages
    assert "20261120_links.csv" in twice.out


def test_a_run_by_hand_answers_off_a_terminal_too(desk: Desk, closedloop: Run) -> None:
    deliver(desk, "20261120", "links")
    reloaded = closedloop("-p", desk.shop, "run", "pull_responses", "--date", "2026-11-20")
    assert "de pull_responses: 1 file, 0 rows, 0 rejected" in reloaded.out
    now = ("-p", desk.shop, "--now", NOW, "run", "send_newsletter")
    assert closedloop(*now) == Ended(0, "", "")
    assert "is on its way: 3 recipients" in closedloop(*now, "--again").out


def test_a_rehearsal_shows_the_story(desk: Desk, closedloop: Run) -> None:
    rehearsed = closedloop("-p", desk.shop, "run", "send_newsletter", "--dry-run")
    assert rehearsed.code == 0
    assert "dry run: 3 of 5 would be mailed; nothing was sent" in rehearsed.out
    assert "- duplicate" in rehearsed.out
    assert "example.com" not in rehearsed.out
    assert "Müller" not in rehearsed.out
    assert [*desk.incoming.iterdir()] == []


def test_a_wave_goes_out_once_in_a_slot(desk: Desk, closedloop: Run) -> None:
    words = ("-p", desk.shop, "--now", NOW, "run", "send_newsletter", "--json")
    sent, again = (json.loads(closedloop(*words).out) for _ in range(2))
    assert sent["result"]["outcome"] == "sent"
    assert again["result"]["outcome"] == "already sent"
    (upload,) = desk.incoming.iterdir()
    assert upload.name == sent["result"]["wave"]["file"]
    assert len(upload.read_text().splitlines()) == 3


@pytest.mark.parametrize("selection", ['file = "nix.csv"', 'sql = "select 1 as x"'])
def test_a_wrong_selection_stops_a_run_before_anything_is_written_remotely(
    desk: Desk, closedloop: Run, selection: str
) -> None:
    select(desk.shop, selection)
    ended = closedloop("-p", desk.shop, "run", "send_newsletter")
    assert ended.code == 2
    assert [*desk.incoming.iterdir()] == []
    assert not [*(desk.shop / "var" / "outbox").rglob("*.csv*")]


def test_the_status_after_a_run_says_what_is_missing(desk: Desk, closedloop: Run) -> None:
    deliver(desk, "20261120", "mailings")
    closedloop("-p", desk.shop, "--now", NOW, "run", "pull_responses")
    pull, _ = json.loads(closedloop("-p", desk.shop, "--now", NOW, "status", "--json").out)["jobs"]
    assert (pull["last_run"][:16], pull["exit_code"]) == ("2026-11-20T12:00", 0)
    sentence, _ = pull["sentences"]
    assert sentence.startswith("pull_responses: mailing_recipients, links, clicks, opens, ")
    assert sentence.endswith(" of 2026-11-20 are missing: 14 days left to fetch them")
