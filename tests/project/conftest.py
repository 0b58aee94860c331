"""A project fresh from `init`, something to change in it, and what loading it then says."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.errors import ProjectError
from closedloop.newsettings import Answers, client_section
from closedloop.project import load_project
from closedloop.scaffold import write_project

Edit = Callable[[str, str, str], None]
Refusal = Callable[[], list[str]]


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("starter")
    section = client_section(
        Answers("de", "sftp.example.com", 22, "r_shop", "keys/id_rsa", ("ssh-rsa AAAA...",))
    )
    write_project(root, "de", section, rehearsal=False)
    return root


@pytest.fixture
def root(starter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(starter, tmp_path / "shop"))


@pytest.fixture
def edit(root: Path) -> Edit:
    def change(file: str, old: str, new: str) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change


@pytest.fixture
def refusal(root: Path) -> Refusal:
    def told() -> list[str]:
        with pytest.raises(ProjectError) as caught:
            load_project(root)
        return str(caught.value).splitlines()

    return told
