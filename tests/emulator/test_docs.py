import re
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.configfile import load, load_or_create
from closedloop.emulator.platform import Platform
from closedloop.emulator.store import reading

TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def lived(
    platform: Platform,
    lines: Callable[..., bytes],
    drop: Callable[[Platform, str, bytes], Path],
    start: datetime,
) -> Platform:
    drop(platform, "20261120070000_subscribers.csv", lines(["anna@example.com"]))
    platform.tick(start)
    platform.export(start + timedelta(hours=22))
    return platform


@pytest.mark.parametrize("sql", blocks("sql"))
def test_every_query_of_the_page_runs_on_the_record(lived: Platform, sql: str) -> None:
    with reading(lived.places.database) as database:
        rows = database.execute(sql).fetchall()
    assert bool(rows) == ("times > 1" not in sql)


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [example] = blocks("python")
    exec(compile(example, "emulator.md", "exec"), {})  # noqa: S102 - the page is ours
    assert len(list((tmp_path / "rehearsal/sftp/de/outgoing").iterdir())) == 8


def test_the_settings_of_the_page_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "platform.toml"
    [example] = blocks("toml")
    path.write_text(example)
    assert load(path).export.broken_lines == 8
    assert len(load(path).export.late) == 1


@pytest.mark.parametrize("kind", [Reactions, Export])
def test_every_knob_is_explained(kind: type[Reactions | Export]) -> None:
    for knob in fields(kind):
        assert f"`{knob.name}`" in TEXT


def test_the_commented_file_names_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "platform.toml"
    load_or_create(path)
    text = path.read_text()
    for kind in (Config, Reactions, Export):
        names = {each.name for each in fields(kind)} - {"clients", "reactions", "export"}
        assert [name for name in sorted(names) if name not in text] == []
