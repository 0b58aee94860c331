from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from closedloop.emulator.config import Config
from closedloop.emulator.configfile import load, load_or_create
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "platform.toml"
    load_or_create(path)
    return path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_first_file_holds_the_defaults_and_a_port_that_stays(settings: Path) -> None:
    config = load(settings)
    assert config.port > 0
    assert replace(config, port=0) == Config()
    assert load_or_create(settings) == config


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        pytest.param("bom =", "bum =", "'bum' is not known; did you mean 'bom'", id="key"),
        pytest.param("parts = 1", "parts = 'x'", "export.parts: needs a value like 1", id="type"),
        pytest.param("parts = 1", "parts = 0", "at least 1", id="no parts"),
        pytest.param("bom = false", "bom = 1", "export.bom: needs a value like False", id="bool"),
        pytest.param('"activation_required"', '"activ"', "did you mean 'activ", id="state"),
        pytest.param("44018617811 =", "letters =", "a mailing's number", id="mailing"),
        pytest.param('# "2026-11-20" = ["clicks"]', '"2026-11-20" = ["clikcs"]', "'clicks'", id="kind"),
        pytest.param('# "2026-11-20" = ["clicks"]', '"20.11." = []', "is no day", id="day"),
        pytest.param("[export.late]", '[export.late]\n"2026-11-20" = 3', "export.late", id="late"),
        pytest.param('"Europe/Berlin"', '"Berlin"', "is no zone", id="zone"),
        pytest.param('export_at = "05:00"', 'export_at = "5 Uhr"', "export_at", id="time"),
        pytest.param("extra_columns = []", 'extra_columns = ["X"]', "extra_columns", id="column"),
        pytest.param("seed = 1", "seed = ", "mend it or delete it", id="no TOML"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_with_the_file_and_the_key(
    settings: Path, old: str, new: str, sentence: str
) -> None:
    change(settings, old, new)
    with pytest.raises(ProjectError, match=r"platform\.toml: ") as caught:
        load(settings)
    assert sentence in str(caught.value)


def test_days_and_kinds_are_read(settings: Path) -> None:
    for line in ('"2026-11-20" = ["clicks"]', '"2026-11-20" = { kinds = ["opens"], days = 2 }'):
        change(settings, f"# {line}", line)
    export = load(settings).export
    assert export.missing == {date(2026, 11, 20): ("clicks",)}
    assert export.late == {date(2026, 11, 20): (("opens",), 2)}


def test_an_edit_works_at_the_next_act(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    change(tmp_path / "platform.toml", "header = true", "header = false")
    change(tmp_path / "platform.toml", "foreign_per_day = 1 ", "foreign_per_day = 0 ")
    written = platform.export(datetime(2026, 11, 20, 6, tzinfo=UTC))
    assert {path.read_bytes() for path in written} == {b""}
