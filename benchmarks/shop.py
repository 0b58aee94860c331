"""A fresh project of closedloop's that pulls from a benchmark's server."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.delivery import FIRST_DAY
from benchmarks.sshd import Server


@dataclass(frozen=True, slots=True)
class Shop:
    """The project's folder, and the commands given there."""

    root: Path
    today: date

    def command(self, *arguments: str) -> list[str]:
        """Return the command line, with the clock at the morning of the latest delivery."""
        clock = ("--now", f"{self.today}T06:00Z")
        return [sys.executable, "-m", "closedloop", "--project", str(self.root), *clock, *arguments]

    def told(self, *arguments: str) -> Any:
        """Give a command that prints JSON, and return what it says."""
        command = self.command(*arguments)
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603  our own command line

    def empty(self) -> None:
        """Forget all that was ever pulled; what is left is a new installation's state folder."""
        shutil.rmtree(self.root / "var", ignore_errors=True)
        (self.root / "var" / "locks").mkdir(mode=0o700, parents=True)


def opened(root: Path, server: Server, download: Path, today: date = FIRST_DAY) -> Shop:
    """Make a project as `closedloop init` does, for the response files in a folder of the server."""
    shutil.rmtree(root, ignore_errors=True)
    shop = Shop(root, today)
    access = ["--host", "127.0.0.1", "--port", str(server.port), "--user", server.user]
    trust = ["--key", str(server.key), "--host-key", server.host_key, "--download", str(download)]
    command = shop.command("init", str(root), *access, *trust)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own command line
    return shop
