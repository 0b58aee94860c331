"""What a start costs: `--help`, `status` and a pull that finds nothing new, beside the import of the one library each can't do without."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from benchmarks.delivery import FIRST_DAY
from benchmarks.measure import DATA, Contender, Row, interleaved
from benchmarks.shop import Shop, opened
from benchmarks.sshd import sshd

FILES = (
    *("mailings", "mailingrecipients", "links", "clicks", "opens", "automated_opens"),
    *("unsubscribes", "responses"),
)
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""A program that is installed is compiled."""


def measure(runs: int) -> list[Row]:
    """Measure the three in turns with the two imports."""
    with quiet_shop() as shop:
        commands = {
            "help": ("--help",),
            "status": arguments(shop, "status"),
            "pull": arguments(shop, "run", "pull_responses"),
        }
        contenders = [
            *(
                started(name, "from closedloop.cli import main; main()", *each)
                for name, each in commands.items()
            ),
            *(started(f"import {name}", f"import {name}") for name in ("click", "paramiko")),
        ]
        figures = interleaved(contenders, runs)
    rows = [
        ("`closedloop --help`", "help", "import click", 1.5, 1.2),
        ("`closedloop status`", "status", "import paramiko", 1.5, 1.1),
        ("a pull with nothing new", "pull", "import paramiko", 1.5, 1.1),
    ]
    return [
        Row(what, figures[ours], f'`python -c "{other}"`', figures[other], reach, goal)
        for what, ours, other, reach, goal in rows
    ]


def started(name: str, code: str, *given: str) -> Contender:
    """Return a contender that runs a line of Python, as the script of an installed program does."""
    return Contender(name, [sys.executable, "-c", code, *given], environment=COMPILED)


def arguments(shop: Shop, *given: str) -> Sequence[str]:
    """Return the arguments of a command in a shop, without the interpreter."""
    return shop.command(*given)[3:]


@contextmanager
def quiet_shop(name: str = "startup", days: int = 1) -> Iterator[Shop]:
    """Give a project whose server holds the eight files of some days, empty and pulled already."""
    outgoing = DATA / f"{name}_outgoing"
    outgoing.mkdir(exist_ok=True)
    for day in (FIRST_DAY - timedelta(days=back) for back in range(days)):
        for file in FILES:
            (outgoing / f"{day:%Y%m%d}_{file}.csv").touch()
    with sshd() as server:
        shop = opened(DATA / f"{name}_shop", server, outgoing)
        for _ in range(2):
            subprocess.run(shop.command("run", "pull_responses"), check=True)  # noqa: S603  our own command line
        yield shop
