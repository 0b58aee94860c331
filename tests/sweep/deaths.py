"""One flow, killed at its acts one after another, and what came of each death."""

import time
from dataclasses import dataclass, field

from tests.sweep.edges import AUDITED, LOOKS
from tests.sweep.flows import Flow
from tests.sweep.verdict import Aftermath, live_on
from tests.sweep.world import Blow, Weapon, World

KILLED = -9
DECISIVE = ("remote.publish", "loading.commit")
"""At these dies the shortest sweep too."""

Point = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which deaths are wanted: `most` of them at most (0: all), `only` at acts whose names begin so, at the `at`-th of those."""

    most: int = 0
    only: str = ""
    at: int = 0


@dataclass(slots=True)
class Sweep:
    """One flow and one weapon: what it does, how often it died, what came of it."""

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


def carry_out(sweep: Sweep, world: World, wish: Wish) -> None:
    """Kill a flow at each of its acts, or at so many of them, and judge each time what came of it."""
    began = time.monotonic()
    world.begin("founded")
    world.server.misbehave = None
    world.written.clear()
    world.refused.clear()
    sweep.flow.prepare(world)
    world.keep(sweep.start)
    unharmed = _unharmed(world, sweep)
    only = wish.only or sweep.flow.only
    named = [name for name in sweep.acts if name.startswith(only)]
    orders = (True, False) if not wish.most and sweep.flow.sends else (True,)
    for at, side in _chosen(named, sweep.weapon, wish):
        for prompt in orders:
            _die(world, sweep, Blow(sweep.weapon, only, at, side), unharmed, prompt=prompt)
    sweep.seconds = time.monotonic() - began


def _unharmed(world: World, sweep: Sweep) -> Aftermath:
    """Let the flow run through, and note what it does."""
    world.server.misbehave = sweep.flow.server
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
    world.server.misbehave = sweep.flow.server
    ended = world.do(*sweep.flow.words, at=sweep.flow.at, blow=blow)
    act = ended.acts[-1] if ended.acts else "nothing"
    aftermath = live_on(world, sweep.flow, prompt=prompt)
    wrong = [*aftermath.wrong, *aftermath.facts.unlike(unharmed.facts)]
    if ended.code != KILLED:
        wrong.append(f"it was not killed, but ended with {ended.code}: {ended.said}")
    sweep.deaths += 1
    sweep.asked += aftermath.asked
    order = "the import before cron" if prompt else "cron before the import"
    where = f"{sweep.start}, {blow.side} {blow.only} {blow.at} ({act}), {order}"
    sweep.wrong += [f"{where}: {each}" for each in wrong]


def _chosen(named: list[str], weapon: Weapon, wish: Wish) -> list[Point]:
    """Return all points, or at most so many: the first decisive ones, and an even sample of those that change something."""
    points = [
        (at, side)
        for at, name in enumerate(named, 1)
        if wish.at in (0, at)
        for side in _sides(name, weapon)
    ]
    if not wish.most:
        return points
    changing = [point for point in points if named[point[0] - 1] not in LOOKS]
    decisive = [point for point in changing if named[point[0] - 1] in DECISIVE][:2]
    others = [point for point in changing if point not in decisive]
    room = min(max(wish.most - len(decisive), 0), len(others))
    return decisive + [others[number * len(others) // room] for number in range(room)]


def _sides(name: str, weapon: Weapon) -> tuple[str, ...]:
    """Say where in an act a process may die: the moment after one call is the moment before the next."""
    if weapon == "edges":
        return ("before",) if name in AUDITED else ("before", "after")
    return ("before", "midway") if name.endswith(".write") else ("before",)
