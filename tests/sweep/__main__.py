"""Kill each flow at each of its acts and see that the promises hold: python -m tests.sweep [FLOW...]."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.sweep.edges import AUDITED, LOOKS
from tests.sweep.flows import FLOWS, Flow, found
from tests.sweep.verdict import Aftermath, live_on
from tests.sweep.world import Blow, Weapon, World

KILLED = -9
DECISIVE = ("remote.publish", "loading.commit")
"""At these dies the shortest sweep too."""
ROW = "{:<22} {:<6} {:>6} {:>7} {:>7} {:>6} {:>6} {:>8}   {}"

Point = tuple[int, str]


@dataclass(slots=True)
class Sweep:
    """One flow, killed with one weapon: what it does, how often it died, what came of it."""

    flow: Flow
    weapon: Weapon
    acts: tuple[str, ...] = ()
    deaths: int = 0
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def start(self) -> str:
        """The name of the world it begins in."""
        return f"{self.flow.name} {self.weapon}"


def main() -> int:
    """Sweep, print a table, and exit with 1 where a promise was broken."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("flow", nargs="*", help="names of flows; all by default")
    arguments.add_argument("--most", type=int, default=0, help="so many deaths a row, at most")
    arguments.add_argument("--weapon", choices=["edges", "calls"])
    arguments.add_argument("--at", type=int, default=0, help="at this act only")
    arguments.add_argument("--idle", default="", help="break the program: this edge does nothing")
    given = arguments.parse_args()
    flows = [flow for flow in FLOWS if flow.name in given.flow or not given.flow]
    # Nothing here outlives the process that is killed, so a folder in memory will do, where there is one.
    memory = Path("/dev/shm")  # noqa: S108 a folder of our own is made in it
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        World(Path(folder) / "world", given.idle) as world,
    ):
        found(world)
        world.keep("founded")
        weapons = [weapon for weapon in world.weapons if given.weapon in (None, weapon)]
        sweeps = [Sweep(flow, weapon) for flow in flows for weapon in weapons]
        for sweep in sweeps:
            carry_out(sweep, world, given.most, given.at)
    show(sweeps)
    return int(not sweeps or any(sweep.wrong for sweep in sweeps))


def carry_out(sweep: Sweep, world: World, most: int, only: int) -> None:
    """Kill a flow at each of its acts, or at so many of them, and judge each time what came of it."""
    began = time.monotonic()
    world.begin("founded")
    sweep.flow.prepare(world)
    world.keep(sweep.start)
    unharmed = _unharmed(world, sweep)
    orders = (True, False) if not most and sweep.flow.sends else (True,)
    for at, side in _chosen(_points(sweep, only), sweep.acts, most):
        for prompt in orders:
            _die(world, sweep, Blow(sweep.weapon, at, side), unharmed, prompt=prompt)
    sweep.seconds = time.monotonic() - began


def _unharmed(world: World, sweep: Sweep) -> Aftermath:
    """Let the flow run through, and note what it does."""
    ended = world.do(*sweep.flow.words, at=sweep.flow.at, blow=Blow(sweep.weapon))
    sweep.acts = ended.acts
    must = sweep.flow.must if sweep.weapon == "edges" else sweep.flow.below
    if missed := must - set(ended.acts):
        sweep.wrong.append(f"{sweep.start}: never seen: {', '.join(sorted(missed))}")
    aftermath = live_on(world, sweep.flow, prompt=True)
    sweep.wrong += [f"{sweep.start}, not killed: {each}" for each in aftermath.wrong]
    return aftermath


def _die(world: World, sweep: Sweep, blow: Blow, unharmed: Aftermath, *, prompt: bool) -> None:
    """Begin anew, die, and let life go on."""
    world.begin(sweep.start)
    ended = world.do(*sweep.flow.words, at=sweep.flow.at, blow=blow)
    act = ended.acts[-1] if ended.acts else "nothing"
    aftermath = live_on(world, sweep.flow, prompt=prompt)
    wrong = [*aftermath.wrong, *aftermath.facts.unlike(unharmed.facts)]
    if ended.code != KILLED:
        wrong.append(f"it was not killed, but ended with {ended.code}: {ended.said}")
    sweep.deaths += 1
    sweep.asked += aftermath.asked
    order = "the import before cron" if prompt else "cron before the import"
    where = f"{sweep.start}, {blow.side} {blow.at} ({act}), {order}"
    sweep.wrong += [f"{where}: {each}" for each in wrong]


def _points(sweep: Sweep, only: int) -> list[Point]:
    acts = enumerate(sweep.acts, 1)
    return [
        (at, side)
        for at, name in acts
        if only in (0, at)
        for side in _sides(name, sweep.weapon)
    ]  # fmt: skip


def _sides(name: str, weapon: Weapon) -> tuple[str, ...]:
    """Say where in an act a process may die: the moment after one call is the moment before the next."""
    if weapon == "edges":
        return ("before",) if name in AUDITED else ("before", "after")
    return ("before", "midway") if name.endswith(".write") else ("before",)


def _chosen(points: list[Point], acts: tuple[str, ...], most: int) -> list[Point]:
    """Return all points, or at most so many: the decisive ones, and an even sample of those that change something."""
    if not most:
        return points
    changing = [point for point in points if acts[point[0] - 1] not in LOOKS]
    decisive = [point for point in changing if acts[point[0] - 1] in DECISIVE][:most]
    others = [point for point in changing if point not in decisive]
    room = min(most - len(decisive), len(others))
    return decisive + [others[number * len(others) // room] for number in range(room)]


def show(sweeps: list[Sweep]) -> None:
    """Print the table, and every promise that was broken."""
    head = ("flow", "kills", "acts", "deaths", "healed", "asked", "wrong", "seconds", "acts by kind")  # fmt: skip
    click.echo(ROW.format(*head))
    for each in sweeps:
        kinds = Counter(name.partition(".")[0] for name in each.acts)
        shown = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        figures = (len(each.acts), each.deaths, each.deaths - each.asked, each.asked, len(each.wrong))  # fmt: skip
        click.echo(ROW.format(each.flow.name, each.weapon, *figures, f"{each.seconds:.1f}", shown))
    deaths, wrong = (sum(getattr(each, name) if name == "deaths" else len(each.wrong) for each in sweeps) for name in ("deaths", "wrong"))  # fmt: skip
    click.echo(f"{deaths} deaths, {wrong} wrong")
    for sentence in (sentence for each in sweeps for sentence in each.wrong):
        click.echo(sentence)


if __name__ == "__main__":
    sys.exit(main())
