"""The JSON Schemas for editors: right files pass a real validator, wrong ones do not, and every key is explained."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from closedloop.cli import cli, outcome
from closedloop.editors import json_schemas
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.newsettings import Answers, client_section
from closedloop.scaffold import write_project

ROOT = Path(__file__).parents[1]
SCHEMAS = json_schemas()
LINE = re.compile(r"#:schema (\S+)\n")
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLIENT = {"host": "sftp.example.com", "user": "r_shop"}


def mistakes(kind: str, given: Any) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMAS[kind]).iter_errors(given)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    answers = Answers(mail_to=("ops@example.com",), language="de", errors="/errors")
    write_project(root, "de", client_section(answers), rehearsal=False, answers=answers)
    return root


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_json_schema_is_one(kind: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[kind])


def test_every_file_of_a_new_project_names_its_json_schema_and_keeps_to_it(shop: Path) -> None:
    files = sorted(shop.rglob("*.toml"))
    assert len(files) == 1 + 2 + 9
    for path in files:
        text = path.read_text()
        (named,) = LINE.findall(text)
        assert text.startswith("#:schema ")
        schema = json.loads((path.parent / named).read_text())
        assert schema == SCHEMAS[Path(named).stem]
        assert [*Draft7Validator(schema).iter_errors(tomllib.loads(text))] == [], path


def kind_of(given: dict[str, Any]) -> str | None:
    """Tell a whole file of the docs from a part of one."""
    if "kind" in given:
        return str(given["kind"])
    return (
        "schema"
        if {"table", "columns"} <= {*given}
        else "closedloop"
        if "clients" in given
        else None
    )


def samples() -> Iterator[Any]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, text in enumerate(BLOCK.findall(page.read_text("utf-8"))):
            given = tomllib.loads(text)
            if kind := kind_of(given):
                yield pytest.param(kind, given, id=f"{page.name} {number}")


@pytest.mark.parametrize(("kind", "given"), [*samples()])
def test_the_samples_in_the_documents_keep_to_their_json_schema(kind: str, given: Any) -> None:
    assert mistakes(kind, given) == []


def test_a_section_in_the_documents_keeps_to_the_json_schema_of_the_settings() -> None:
    known = SCHEMAS["closedloop"]["properties"]
    found = 0
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for given in map(tomllib.loads, BLOCK.findall(page.read_text("utf-8"))):
            for name in {*given} & {*known} if kind_of(given) is None else ():
                found += 1
                assert mistakes("closedloop", {"clients": {"de": CLIENT}, name: given[name]}) == []
    assert found >= 4


def test_a_project_that_rehearses_keeps_to_it_too(tmp_path: Path) -> None:
    with Server(Platform(tmp_path / "platform")):
        words = ["init", str(tmp_path / "shop"), "--emulator", str(tmp_path / "platform")]
        assert outcome(lambda: cli.main(words, standalone_mode=False)) == 0
    settings = tomllib.loads((tmp_path / "shop/closedloop.toml").read_text())
    assert mistakes("closedloop", settings) == []
    job = tomllib.loads((tmp_path / "shop/jobs/send_newsletter.toml").read_text())
    assert mistakes("send", job) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "mistake"),
    [
        pytest.param("closedloop.toml", "port  ", "prot  ", "'prot' was unexpected", id="settings, key"),
        pytest.param("closedloop.toml", "= 22", '= "22"', "not of type 'integer'", id="settings, type"),
        pytest.param("closedloop.toml", '= "de"', '= "fr"', "not one of ['en', 'de']", id="settings, value"),
        pytest.param("closedloop.toml", "[suppression]", "[supression]", "'supression' was", id="section"),
        pytest.param("jobs/send_newsletter.toml", "consent  ", "consnet  ", "'consent' is a required", id="send, missing"),
        pytest.param("jobs/send_newsletter.toml", "44018617811", '"44"', "not of type 'integer'", id="send, type"),
        pytest.param("jobs/send_newsletter.toml", "[selection]", 'mail = "never"\n[selection]', "not one of", id="send, value"),
        pytest.param("jobs/pull_responses.toml", "reject_limit", "reject_limt", "'reject_limt' was", id="pull, key"),
        pytest.param("jobs/pull_responses.toml", '"12:00"', "12:00:00", "not of type 'string'", id="pull, type"),
        pytest.param("jobs/pull_responses.toml", "0.05", "5", "greater than the maximum of 1", id="pull, share"),
        pytest.param("schemas/clicks.toml", "nullable", "nulable", "'nulable' was unexpected", id="schema, key"),
        pytest.param("schemas/clicks.toml", '"int64"', '"integer"', "not one of ['int64'", id="schema, value"),
        pytest.param("schemas/clicks.toml", "[]", '""', "not of type 'array'", id="schema, type"),
        pytest.param("schemas/clicks.toml", "[table]", "[tabel]", "'tabel' was unexpected", id="schema, section"),
    ],
)  # fmt: skip
def test_a_mistake_is_found(shop: Path, file: str, old: str, new: str, mistake: str) -> None:
    text = (shop / file).read_text()
    assert old in text
    kind = Path(LINE.findall(text)[0]).stem
    found = mistakes(kind, tomllib.loads(text.replace(old, new)))
    assert [message for message in found if mistake in message], found


def keys(node: Any, *path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key of a JSON Schema with what is said of it."""
    for name, below in node.get("properties", {}).items():
        yield ".".join((*path, name)), below
        yield from keys(below, *path, name)
    if isinstance(node.get("additionalProperties"), dict):
        yield from keys(node["additionalProperties"], *path, "*")


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_key_is_explained_in_a_sentence(kind: str) -> None:
    found = dict(keys(SCHEMAS[kind]))
    assert [
        key for key, below in found.items() if not below.get("description", "").endswith(".")
    ] == []


def test_defaults_and_choices_are_told() -> None:
    client = SCHEMAS["closedloop"]["properties"]["clients"]["additionalProperties"]["properties"]
    assert client["port"]["default"] == 22
    column = SCHEMAS["schema"]["properties"]["columns"]["additionalProperties"]["properties"]
    assert (column["unknown"]["default"], column["unknown"]["enum"]) == ("warn", ["warn", "reject"])


Run = Callable[..., int]


@pytest.fixture
def closedloop() -> Run:
    return lambda *words: outcome(lambda: cli.main([*map(str, words)], standalone_mode=False))


def test_the_command_prints_them(closedloop: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert closedloop("schema", "--json") == 0
    assert json.loads(capsys.readouterr().out) == SCHEMAS


def test_the_command_writes_them_anew(closedloop: Run, shop: Path, tmp_path: Path) -> None:
    (shop / ".schemas/send.json").write_text("{}")
    assert closedloop("-p", shop, "schema") == 0
    assert closedloop("schema", tmp_path / "www" / "schemas") == 0
    for folder in (shop / ".schemas", tmp_path / "www" / "schemas"):
        written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
        assert written == {f"{kind}.json": schema for kind, schema in SCHEMAS.items()}


def test_outside_a_project_the_command_asks_for_a_folder(
    closedloop: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert closedloop("-p", tmp_path, "schema") == 2
    assert "name a FOLDER" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
