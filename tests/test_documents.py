"""The samples in docs/ are what the program takes."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from closedloop.editors import json_schemas
from closedloop.model.job import PullJob, SendJob
from closedloop.model.log import LogSettings
from closedloop.model.mail import Mail
from closedloop.model.settings import MetricsSettings, Settings
from closedloop.model.table import Column, Schema
from closedloop.toml import validated

if TYPE_CHECKING:
    from closedloop.model.strict import Strict

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[dict[str, Any]]:
    return [tomllib.loads(text) for text in BLOCK.findall((ROOT / name).read_text("utf-8"))]


@pytest.mark.parametrize(
    ("name", "count"), [("README.md", 1), ("docs/jobs.md", 2), ("docs/configuration.md", 1)]
)
def test_jobs_and_settings_in_the_documents_are_sound(name: str, count: int) -> None:
    found = blocks(name)
    assert len(found) == count
    for given in found:
        kinds: dict[str, type[Strict]] = {"send": SendJob, "pull": PullJob, "": Settings}
        model = kinds[given.get("kind", "")]
        named = {"name": "sample", **given} if "kind" in given else given
        assert isinstance(validated(model, named, name), model)


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 200


def test_schemas_in_the_documents_are_sound() -> None:
    found = blocks("docs/schemas.md")
    (whole,) = (given for given in found if "table" in given)
    assert validated(Schema, whole, "docs/schemas.md").columns
    parts = [(header, given[header]) for given in found if given is not whole for header in given]
    columns = {header: given for header, given in parts if isinstance(given, dict)}
    assert {*columns} == {"WELLE_ID", "Produkt_1"}
    for header, column in columns.items():
        assert validated(Column, {"header": header, **column}, header).nullable


def test_the_sample_of_the_mail_is_sound() -> None:
    (given,) = blocks("docs/mail.md")
    assert validated(Mail, given["mail"], "docs/mail.md").language == "de"


def test_the_settings_of_a_machine_are_explained_with_samples_that_are_sound() -> None:
    models: dict[str, type[Strict]] = {"metrics": MetricsSettings, "log": LogSettings}
    found = {name: given for block in blocks("docs/deploy.md") for name, given in block.items()}
    assert {*found} == {"metrics", "health", "log"}
    for name, model in models.items():
        assert {*found[name]} == {*model.model_fields}
        assert isinstance(validated(model, found[name], name), model)
    clients = {"de": {"host": "h", "user": "u", "key": "k", "host_keys": ["ssh-rsa AAAA"]}}
    assert Settings.model_validate({"clients": clients, "health": found["health"]}).health


def explained(node: dict[str, Any], *path: str) -> Iterator[tuple[str, str, str]]:
    """Yield each key of a JSON Schema, what is said of it, and its default."""
    for name, below in node.get("properties", {}).items():
        inner = below.get("additionalProperties")
        steps = (*path, name, "NAME") if isinstance(inner, dict) else (*path, name)
        needed = name in node.get("required", ())
        yield ".".join(steps), said(below), "needed" if needed else default(below)
        yield from explained(inner if isinstance(inner, dict) else below, *steps)


def said(node: dict[str, Any]) -> str:
    choices = [f"`{as_toml(choice)}`" for choice in node.get("enum", ())]
    return " ".join([node["description"], *([f"One of {', '.join(choices)}."] if choices else [])])


def default(node: dict[str, Any]) -> str:
    usual = node.get("default")
    return "" if usual in (None, "", []) else f"`{as_toml(usual)}`"


def as_toml(value: Any) -> str:
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(value, ensure_ascii=False).replace("|", "\\|")


def table(kind: str, section: str = "") -> str:
    """Return the table of a kind of project file, or of one section of it; keys with the same words share a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for key, *words in explained(json_schemas()[kind]):
        if key.startswith(section) and key != section:
            rows.setdefault((words[0], words[1]), []).append(f"`{key.removeprefix(section)}`")
    told = (f"| {', '.join(keys)} | {says} | {usual} |" for (says, usual), keys in rows.items())
    return "\n".join(["| key | says | default |", "|---|---|---|", *told])


TABLES = {
    "docs/configuration.md": [("closedloop", "")],
    "docs/jobs.md": [("send", ""), ("pull", "")],
    "docs/schemas.md": [("schema", "table."), ("schema", "columns.NAME.")],
    "docs/mail.md": [("closedloop", "mail.")],
}


@pytest.mark.parametrize("page", sorted(TABLES))
def test_every_key_is_explained_as_editors_explain_it(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for kind, section in TABLES[page]:
        wanted = table(kind, section)
        assert wanted in text, f"put this table into {page}:\n{wanted}"


def test_every_kind_of_project_file_has_its_tables() -> None:
    assert {kind for tables in TABLES.values() for kind, _ in tables} == {*json_schemas()}


def test_each_folder_of_the_state_is_explained() -> None:
    places = (ROOT / "closedloop/state.py").read_text("utf-8")
    letters = (ROOT / "closedloop/mail/mailer.py").read_text("utf-8")
    named = re.findall(r'_folder\("(\w+)"', places) + re.findall(r'state\.root / "(\w+)"', letters)
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)
    assert {*named} == {*told}
