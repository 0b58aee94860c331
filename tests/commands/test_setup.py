"""A project before its first run: `init` writes it, `check` reads it, `schedule` prints its times."""

import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pytest

from closedloop.core import answers
from closedloop.newsettings import Answers, client_section
from closedloop.project import load_project
from tests.shops import Run, new_shop

REPOSITORY = Path(__file__).parents[2]


Select = Callable[[Path, str], None]


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
    shop: Path, closedloop: Run, select: Select, selection: str, sentence: str
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
def test_check_takes_every_query_that_a_run_takes(
    shop: Path, closedloop: Run, select: Select, sql: str
) -> None:
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


def test_check_says_what_it_could_not_see(shop: Path, closedloop: Run, select: Select) -> None:
    select(shop, 'sql = "select 1"\nfrom = "postgresql://crm@db.example.com/shop"')
    ended = closedloop("--project", shop, "check")
    assert ended.code == 0
    assert "selection: not checked: it is asked when the job runs" in ended.out


def test_the_crontab_is_the_example_in_the_repository(
    tmp_path: Path, closedloop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = new_shop(tmp_path / "newsletter", rehearsal=False)
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
