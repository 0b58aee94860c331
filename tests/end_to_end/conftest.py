"""The command line as a process, as cron starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Shop:
    """A project in a folder, and the commands given there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def start(self, *arguments: str, at: str = "2026-11-24T06:00Z") -> "subprocess.Popen[str]":
        """Start a command at a time of the clock."""
        return subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "closedloop", "--project", str(self.root), "--now", at, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip

    def do(self, *arguments: str, at: str = "2026-11-24T06:00Z") -> "subprocess.CompletedProcess[str]":  # fmt: skip
        """Give a command and wait for its end."""
        with self.start(*arguments, at=at) as process:
            out, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def report(self, job: str, at: str, *options: str) -> dict[str, Any]:
        """Run a job that ends well and return its report."""
        done = self.do("run", job, "--json", *options, at=at)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def customers(self, addresses: list[str]) -> None:
        """Write the customer database."""
        rows = "".join(f"{address};Frau;Anna;Müller\n" for address in addresses)
        text = f"Email;Anrede;Vorname;Nachname\n{rows}"
        (self.root / "customers.csv").write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a project file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project that is still to be made."""
    return Shop(tmp_path / "shop")


@pytest.fixture
def query() -> Callable[[Path, str], list[dict[str, Any]]]:
    """Ask a project's warehouse, as an analyst would."""

    def ask(root: Path, sql: str) -> list[dict[str, Any]]:
        import duckdb

        with duckdb.connect(str(root / "var" / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(sql)
            names = [str(column[0]) for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return ask
