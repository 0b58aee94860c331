"""Desks, each with a project of its own that has done nothing yet, and death at any look outside."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.desk import Desk
from tests.flows.killing import Fuse, Killed
from tests.shops import new_shop


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose warehouse is ready and empty, and which has done nothing yet."""
    root = new_shop(tmp_path_factory.mktemp("template") / "project", rehearsal=True)
    desk = Desk(root)
    desk.customers("anna@example.com", "ben@example.com", "clara@example.com")
    desk.send(dry_run=True)
    return root


@pytest.fixture
def new_desk(template: Path, tmp_path: Path) -> Callable[[str], Desk]:
    """Set up desks by name, each with a server of its own."""
    return lambda name: Desk(shutil.copytree(template, tmp_path / name))


@pytest.fixture
def desk(new_desk: Callable[[str], Desk]) -> Desk:
    """A desk."""
    return new_desk("project")


@pytest.fixture
def kill() -> Callable[..., bool]:
    """Run something that is killed at its n-th look outside; say whether it lived that long."""

    def killed(run: Callable[..., object], looks: int, *, before: bool) -> bool:
        fuse = Fuse(looks, before=before)
        try:
            run(fuse=fuse)
        except Killed:
            return True
        return False

    return killed


@pytest.fixture
def samples() -> list[str]:
    """Return the error files that the document on restarts shows."""
    document = (Path(__file__).parents[2] / "docs" / "restart.md").read_text("utf-8")
    return re.findall(r"^```json\n(.*?)\n```", document, re.MULTILINE | re.DOTALL)
