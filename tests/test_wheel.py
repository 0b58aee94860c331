"""The wheel, built and installed in an environment of its own, away from this repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCES = ("closedloop", "jobs", "schemas", "pyproject.toml", "README.md", "crontab.example")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*")

Command = Callable[..., str]


def run(*words: str | Path, folder: Path) -> str:
    bare = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ended = subprocess.run(  # noqa: S603 our own command lines
        [str(word) for word in words],
        cwd=folder,
        env={**bare, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, copy / name)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", copy, folder=copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; what it needs comes from the one that runs the tests."""
    root = tmp_path_factory.mktemp("installed") / "env"
    venv.create(root, with_pip=False)
    python = root / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python))
    run(*pip, "install", "--quiet", "--no-deps", wheel, folder=root)
    packages = sysconfig.get_path("purelib", vars={"base": str(root)})
    # The editable install of this repository must not be seen: no .pth file of that folder is read.
    (Path(packages) / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return root / "bin" / "closedloop"


@pytest.fixture
def closedloop(installed: Path, tmp_path: Path) -> Command:
    return lambda *words: run(installed, *words, folder=tmp_path)


def test_the_wheel_carries_the_starter_project_and_nothing_of_the_repository(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    for folder in ("jobs", "schemas"):
        for path in (REPOSITORY / folder).glob("*.toml"):
            assert f"closedloop/starter/{folder}/{path.name}" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"closedloop"}


def test_the_program_runs_from_the_wheel(closedloop: Command, installed: Path) -> None:
    python = installed.parent / "python"
    where = run(python, "-c", "import closedloop; print(closedloop.__file__)", folder=Path("/"))
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    assert closedloop("--version").startswith("closedloop, version ")


def test_an_installed_program_makes_checks_and_schedules_a_project(
    closedloop: Command, installed: Path, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    assert "wrote shop/schemas/subscribers.toml" in closedloop("init", "shop")
    assert "2 jobs, 9 schemas: they are sound" in closedloop("--project", "shop", "check")
    crontab = closedloop("--project", "shop", "schedule", "cron")
    assert f"0 6 * * 2 {installed} --project {shop} run send_newsletter\n" in crontab
    for folder in ("jobs", "schemas"):
        for path in (REPOSITORY / folder).glob("*.toml"):
            told, _, rest = (shop / folder / path.name).read_text().partition("\n")
            assert told.startswith("#:schema ../.schemas/")
            assert rest == path.read_text()
