"""Kill each flow at each of its acts and see that the promises hold: python -m tests.sweep [FLOW...]."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from tests.sweep.deaths import Sweep, Wish, carry_out
from tests.sweep.flows import FLOWS, found
from tests.sweep.world import World

ROW = "{:<21} {:<6} {:>5} {:>7} {:>7} {:>6} {:>6} {:>8}   {}"
HEAD = ("flow", "kills", "acts", "deaths", "healed", "asked", "wrong", "seconds", "acts by kind")


def main() -> int:
    """Sweep, print a table, and exit with 1 where a promise was broken."""
    given = _arguments()
    click.echo(ROW.format(*HEAD))
    sweeps = []
    for sweep in _swept(given):
        _show(sweep)
        sweeps.append(sweep)
    deaths, wrong = sum(each.deaths for each in sweeps), sum(len(each.wrong) for each in sweeps)
    click.echo(f"{deaths} deaths, {wrong} wrong")
    return int(not deaths or wrong > 0)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    arguments.add_argument("flow", nargs="*", help="names of flows; all by default")
    arguments.add_argument("--most", type=int, default=0, help="so many deaths a row, at most")
    arguments.add_argument("--weapon", choices=["edges", "calls"])
    arguments.add_argument("--only", default="", help="at acts whose names begin so: warehouse.")
    arguments.add_argument("--at", type=int, default=0, help="at this act of them only")
    arguments.add_argument("--idle", default="", help="break the program: this edge does nothing")
    return arguments.parse_args()


def _swept(given: argparse.Namespace) -> Iterator[Sweep]:
    """Carry out one sweep after another, all in one world."""
    # Nothing here outlives the process that is killed, so a folder in memory will do, where there is one.
    memory = Path("/dev/shm")  # noqa: S108 a folder of our own is made in it
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        World(Path(folder) / "world", given.idle) as world,
    ):
        found(world)
        world.keep("founded")
        for flow in FLOWS:
            for weapon in world.weapons:
                if flow.name in (given.flow or [flow.name]) and given.weapon in (None, weapon):
                    sweep = Sweep(flow, weapon)
                    carry_out(sweep, world, Wish(given.most, given.only, given.at))
                    yield sweep


def _show(sweep: Sweep) -> None:
    """Print a row of the table, and every promise that was broken."""
    kinds = Counter(name.partition(".")[0] for name in sweep.acts)
    shown = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    figures = (sweep.deaths, sweep.deaths - sweep.asked, sweep.asked, len(sweep.wrong))
    row = (sweep.flow.name, sweep.weapon, len(sweep.acts), *figures, f"{sweep.seconds:.1f}", shown)
    click.echo(ROW.format(*row))
    for sentence in sweep.wrong:
        click.echo(f"  {sentence}")


if __name__ == "__main__":
    sys.exit(main())
