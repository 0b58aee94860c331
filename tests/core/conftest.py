import os
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closedloop.model.table import Schema

SHIPPED = Path(__file__).parents[2] / "schemas"


@pytest.fixture
def shipped() -> Callable[[str], Schema]:
    """The schema of this name as the repository ships it."""

    def load(name: str) -> Schema:
        return Schema.model_validate(tomllib.loads((SHIPPED / f"{name}.toml").read_text()))

    return load


@pytest.fixture
def schema() -> Callable[..., Schema]:
    """A schema 't' of nullable text columns, unless told otherwise: `schema(id={"type": "int64"}, ...)`."""

    def build(table: dict[str, Any] | None = None, /, **columns: dict[str, Any]) -> Schema:
        base = {"type": "string", "nullable": True}
        given = {
            name: {"header": name, "name": name, **base, **own} for name, own in columns.items()
        }
        return Schema.model_validate({"name": "t", "file": "t", **(table or {}), "columns": given})

    return build


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """systemd's own opinion of its words."""
    found = shutil.which("systemd-analyze")
    if found is None:
        lacking = "no systemd-analyze on this machine: these tests need it (apt install systemd)"
        if os.environ.get("CLOSEDLOOP_REQUIRE_SYSTEMD"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found
