"""The samples in docs/ are what the program takes."""

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from closedloop.model.job import PullJob, SendJob
from closedloop.model.log import LogSettings
from closedloop.model.mail import Mail
from closedloop.model.settings import Client, MetricsSettings, Settings, Suppression
from closedloop.model.table import Column, Schema
from closedloop.toml import validated

if TYPE_CHECKING:
    from closedloop.model.strict import Strict

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[dict[str, Any]]:
    return [tomllib.loads(text) for text in BLOCK.findall((ROOT / name).read_text("utf-8"))]


@pytest.mark.parametrize(("name", "count"), [("README.md", 1), ("docs/jobs.md", 3)])
def test_jobs_and_settings_in_the_documents_are_sound(name: str, count: int) -> None:
    found = blocks(name)
    assert len(found) == count
    for given in found:
        kinds: dict[str, type[Strict]] = {"send": SendJob, "pull": PullJob, "": Settings}
        model = kinds[given.get("kind", "")]
        named = {"name": "sample", **given} if "kind" in given else given
        assert isinstance(validated(model, named, name), model)


def test_schemas_in_the_documents_are_sound() -> None:
    for given in blocks("docs/schemas.md"):
        if "table" in given:
            assert validated(Schema, given, "docs/schemas.md").columns
        for header, column in given.items():
            if isinstance(column, dict) and "type" in column:
                assert validated(Column, {"header": header, **column}, header).nullable


@pytest.mark.parametrize(
    ("model", "lead"),
    [(SendJob, ""), (PullJob, ""), (Client, ""), (Suppression, "suppression.")],
)
def test_every_key_is_explained(model: Any, lead: str) -> None:
    words = set(re.findall(r"`\[?([a-zA-Z_.]+)\]?`", (ROOT / "docs/jobs.md").read_text("utf-8")))
    words |= {word.rpartition(".")[2] for word in words}
    keys = {field.alias or name for name, field in model.model_fields.items()}
    shown_in_samples = {"kind", "name", "description"}
    assert sorted(keys - shown_in_samples - words) == [], lead


def test_the_mail_is_explained_with_a_sample_that_is_sound() -> None:
    (given,) = blocks("docs/mail.md")
    assert validated(Mail, given["mail"], "docs/mail.md").language == "de"
    words = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs/mail.md").read_text("utf-8")))
    keys = {field.alias or name for name, field in Mail.model_fields.items()}
    assert sorted(keys - words) == []


def test_the_settings_of_a_machine_are_explained_with_samples_that_are_sound() -> None:
    models: dict[str, type[Strict]] = {"metrics": MetricsSettings, "log": LogSettings}
    found = {name: given for block in blocks("docs/deploy.md") for name, given in block.items()}
    assert {*found} == {"metrics", "health", "log"}
    for name, model in models.items():
        assert {*found[name]} == {*model.model_fields}
        assert isinstance(validated(model, found[name], name), model)
    clients = {"de": {"host": "h", "user": "u", "key": "k", "host_keys": ["ssh-rsa AAAA"]}}
    assert Settings.model_validate({"clients": clients, "health": found["health"]}).health


def test_every_column_and_table_key_is_explained() -> None:
    words = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs/schemas.md").read_text("utf-8")))
    keys = {*Column.model_fields, *Schema.model_fields} - {"header", "description", "columns"}
    assert sorted(keys - words) == []
