"""Who may import whom: the arrows between the parts of the program."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "closedloop"

MAY_IMPORT = {
    "errors": set(),
    "model": {"errors"},
    "core": {"model", "errors"},
    "remote": {"model", "errors", "stopping"},
    "warehouse": {"model", "errors", "stopping"},
    "ledger": {"model", "ledger_file"},
    "ledger_file": {"errors"},
    "state": {"model", "errors"},
    "holdings": {"core", "state"},
    "locks": {"errors"},
    "credentials": set(),
    "health": set(),
    "ahead": set(),
    "memory": set(),
    "log": {"model"},
    "stopping": {"errors"},
    "spool": {"state", "errors"},
    "mail": {"model", "errors", "state", "locks"},
    "errorfiles": {"state", "model", "errors"},
    "copies": {"state", "errors"},
    "forgotten": {"state", "model", "errors"},
    "quarantine": {"state", "model", "errors"},
    # A selection's CSV is read as exactly as a delivered file, so it needs both the reader and the databases.
    "selection": {"model", "errors", "stopping", "warehouse", "selectionfile"},
    "selectionfile": {"core", "model", "errors"},
    "flows": {
        "core",
        "model",
        "errors",
        "remote",
        "warehouse",
        "ledger",
        "ahead",
        "memory",
        "state",
        "spool",
        "quarantine",
        "locks",
        "mail",
        "errorfiles",
        "copies",
        "forgotten",
    },
    "dashboard": {"core", "model", "errors", "warehouse", "ledger", "state", "errorfiles"},
    "emulator": {"errors"},
}

ONLY_IN = {
    "paramiko": {"remote"},
    "duckdb": {"warehouse"},
    "psycopg": {"warehouse"},
    "asyncssh": {"emulator"},
    "smtplib": {"mail"},
    "sqlite3": {"ledger", "ledger_file", "emulator"},
    "polars": {"core", "warehouse", "flows", "selection", "selectionfile", "spool"},
    "rich": {"console"},
    "jinja2": {"mail", "dashboard"},
    "css_inline": {"mail"},
}

PURE = ("model", "core")
EFFECTS = {"os", "socket", "subprocess", "shutil", "time", "urllib", "http", "tempfile"}
EFFECTS |= {"pathlib.Path", "io.open"}


def modules(part: str) -> list[Path]:
    folder = ROOT / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{part}.py"]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, by its full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def parts_of_ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("closedloop.")}


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_a_part_imports_only_what_it_may(part: str) -> None:
    found = {path.name: parts_of_ours(path) - MAY_IMPORT[part] - {part} for path in modules(part)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_stays_at_its_edge(library: str) -> None:
    users = {
        path.relative_to(ROOT).parts[0].removesuffix(".py")
        for path in ROOT.rglob("*.py")
        if library in {name.split(".")[0] for name in imported(path)}
    }
    assert users == ONLY_IN[library]


@pytest.mark.parametrize("part", PURE)
def test_decisions_touch_nothing_outside(part: str) -> None:
    for path in modules(part):
        names = imported(path)
        assert not EFFECTS & (names | {name.split(".")[0] for name in names}), path.name


def test_the_clock_is_read_in_one_place_only() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "today", "utcnow")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    }
    assert readers == {"cli.py", "emulator/command.py"}


def test_every_part_has_its_arrows() -> None:
    outer = {
        "cli",
        "edges",
        "project",
        "toml",
        "scaffold",
        "rehearse",
        "online",
        "status",
        "console",
        "metrics",
    }
    outer |= {"commands", "completion", "demo", "settings", "editors", "newsettings"}
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    assert parts - {*MAY_IMPORT} - outer == {"__init__", "__main__"}


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    folders = (ROOT, ROOT.parent / "tests", ROOT.parent / "benchmarks")
    paths = [
        path for folder in folders for path in folder.rglob("*.py") if "data" not in path.parts
    ]
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
