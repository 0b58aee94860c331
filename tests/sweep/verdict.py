"""What becomes of a world after a death: cron comes by, people answer, and the promises are held against the facts."""

import fcntl
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Self

import duckdb

from closedloop.model.wave import WaveState
from tests.sweep.flows import CUSTOMERS, PULL, TESTERS, Flow
from tests.sweep.world import Ended, World

ROUNDS = 6
BETWEEN = timedelta(minutes=10)
UNFINISHED = (".part", ".part.json", ".new", ".tmp", ".spool", "-journal", "-wal")
"""Endings of what is not whole. The warehouse's own `.wal` is a part of it until somebody opens it again."""
SUSPENDED = 75
EXPECTED = {0, 1, 69, SUSPENDED}
"""Exit codes that cron may see; 70 is a bug, and a negative one a signal that nobody sent."""


@dataclass(frozen=True, slots=True)
class Facts:
    """How a project lies there in the end, whatever happened on the way."""

    mailed: dict[str, int]
    rows: dict[str, tuple[int, int]]
    quarantine: dict[str, str]
    archive: tuple[str, ...]
    landing: tuple[str, ...]
    errors: tuple[str, ...]
    codes: tuple[int, ...]

    def unlike(self, other: Self) -> list[str]:
        """Say in what this is not the other."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"{name}: {mine[name]} instead of {theirs[name]}"
            for name in mine
            if mine[name] != theirs[name]
        ]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came of it: the facts, whether a person was asked, and every promise that was broken."""

    facts: Facts
    asked: bool
    wrong: tuple[str, ...]


def live_on(world: World, flow: Flow, *, prompt: bool) -> Aftermath:
    """Let cron start the jobs until all is quiet; `prompt`: the import comes before cron does, not after it."""
    wrong: list[str] = []
    codes: tuple[int, ...] = ()
    now, asked = flow.at, False
    if prompt:
        world.platform.tick(now + BETWEEN / 4)
    for turn in range(ROUNDS):
        now += BETWEEN
        world.grow_old(BETWEEN)
        ended = [world.do("run", job, at=now) for job in flow.cron]
        wrong += _unexpected(ended, EXPECTED)
        helped = flow.by_hand and (not turn or any(each.code == SUSPENDED for each in ended))
        if helped:
            # "Nothing to do" is an answer too: the command had done its work before it died.
            by_hand = world.do(*flow.words, at=now + BETWEEN / 4)
            wrong += _unexpected([by_hand], {*EXPECTED, 2})
        world.platform.tick(now + BETWEEN / 2)
        if any("is damaged" in each.said for each in ended):
            asked = True
            world.move_warehouse_aside()
            world.do("run", PULL, at=now + BETWEEN / 2)
        again, codes = codes, tuple(each.code for each in ended)
        if unknown := _unknown(world):
            asked = True
            wrong += _unnamed(world, unknown)
            wrong += _unexpected(_answer(world, now + BETWEEN * 3 / 4), {0})
        elif codes == again and not helped:
            break
    return _judged(world, flow, codes, wrong, asked=asked)


def _judged(
    world: World, flow: Flow, codes: tuple[int, ...], wrong: list[str], *, asked: bool
) -> Aftermath:
    """Hold the promises against the facts: first what lies there, for to ask the warehouse is to open it, and that tidies up."""
    rows: dict[str, tuple[int, int]] = {}
    wrong += [*_left_over(world), *_mailed(world, flow), *_imported(world), *_remembered(world)]
    try:
        wrong += _counted(world)
        rows = _rows(world)
    except duckdb.Error as error:
        wrong.append(f"the warehouse can't be read: {error}")
    return Aftermath(_facts(world, rows, codes), asked, tuple(wrong))


def _unexpected(ended: list[Ended], expected: set[int]) -> list[str]:
    return [f"exit {each.code}: {each.said.strip()[-300:]}" for each in ended if each.code not in expected]  # fmt: skip


def _unknown(world: World) -> list[int]:
    return [wave.wave_id for wave in world.waves() if wave.state is WaveState.UNKNOWN]


def _unnamed(world: World, waves: list[int]) -> list[str]:
    """Say which waves wait for a person whom no open error file, or no letter, tells so."""
    files = [error.model_dump_json() for error in world.errors()]
    letters = [letter.decode("utf-8", "replace") for letter in world.post.letters]
    places = {"no open error file names it": files, "no letter tells of it": letters}
    return [
        f"wave {wave} is unknown, and {lack}"
        for wave in waves
        for lack, texts in places.items()
        if not any(str(wave) in text for text in texts)
    ]


def _answer(world: World, now: datetime) -> list[Ended]:
    """Say what a person would find out from the platform."""
    reached = {wave for waves in world.mailed().values() for wave in waves}
    return [
        world.do("restart", name, "--assume-sent" if wave in reached else "--resend", at=now)
        for wave in _unknown(world)
        for name in [error.name for error in world.errors() if error.wave and error.wave.wave_id == wave][:1]
    ]  # fmt: skip


def _facts(world: World, rows: dict[str, tuple[int, int]], codes: tuple[int, ...]) -> Facts:
    return Facts(
        mailed={address: len(waves) for address, waves in world.mailed().items() if address in CUSTOMERS},
        rows=rows,
        quarantine={path.name: _digest(path.read_text("utf-8")) for path in _files(world, "quarantine")},
        archive=tuple(path.name for path in _files(world, "archive")),
        landing=tuple(path.name for path in _files(world, "landing")),
        errors=tuple(sorted(f"{error.case}: {[file.name for file in error.files]}" for error in world.errors())),
        codes=codes,
    )  # fmt: skip


def _files(world: World, folder: str) -> list[Path]:
    return sorted(path for path in (world.state / folder).rglob("*") if path.is_file())


def _rows(world: World) -> dict[str, tuple[int, int]]:
    """Return for each raw table how many rows it holds, and the sum of their hashes, each with its file."""
    with world.warehouse() as asked:
        tables = asked.execute(
            "select table_name from duckdb_tables() where table_name like 'raw_%'"
        )
        found = {}
        for (table,) in sorted(tables.fetchall()):
            (figures,) = asked.execute(
                f"select count(*), sum(hash(x)) from (select l.file, l.sha256, r.* exclude (load_id) from {table} r "  # noqa: S608 a table's name
                "left join loads l using (load_id)) x"
            ).fetchall()
            found[table] = figures
    return found


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _mailed(world: World, flow: Flow) -> list[str]:
    """Say whom no wave reached, too many did, or one did twice."""
    most = dict.fromkeys(CUSTOMERS, flow.waves)
    most |= dict.fromkeys(TESTERS, flow.tests) if flow.tests else {}
    reached = world.mailed()
    return [
        f"{address} was mailed by the waves {reached.get(address, [])}"
        for address, waves in most.items()
        if not 1 <= len(reached.get(address, [])) <= waves
        or len({*reached[address]}) < len(reached[address])
    ]


def _imported(world: World) -> list[str]:
    """Say what the platform was given and would not take: that it refuses a name twice saves nobody elsewhere."""
    imports = world.platform.record().imports()
    return [
        f"{each['upload']}: {each['outcome']}: {each['detail']}"
        for each in imports
        if each["outcome"] != "sent" and each["upload"] not in world.refused
    ]


def _remembered(world: World) -> list[str]:
    ended = (WaveState.PUBLISHED, WaveState.CONFIRMED)
    wrong = [f"wave {wave.wave_id} is {wave.state} in the ledger" for wave in world.waves() if wave.state not in ended]  # fmt: skip
    known = {wave.wave_id for wave in world.waves()}
    ours = {*CUSTOMERS, *TESTERS}
    mailed = {
        wave for address, waves in world.mailed().items() if address in ours for wave in waves
    }
    if mailed - known:
        wrong.append(f"the platform mailed {mailed - known}, of which the ledger knows nothing")
    kept = {path.name for path in _files(world, "sent")}
    return wrong + [f"no copy of {wave.file} is kept" for wave in world.waves() if f"{wave.file}.zst" not in kept]  # fmt: skip


def _counted(world: World) -> list[str]:
    """Say of which loads the rows are not those of the file, by the platform's own record."""
    true = {file["name"]: file["rows"] + file["broken"] for file in world.platform.record().files()}
    true |= world.written
    with world.warehouse() as asked:
        loads = asked.execute("select file, loaded, quarantined from loads").fetchall()
    names = [name for name, _, _ in loads]
    wrong = [f"{name}: {loaded} loaded and {bad} quarantined of {true.get(name)}" for name, loaded, bad in loads if loaded + bad != true.get(name)]  # fmt: skip
    return wrong + [f"{name} is loaded twice" for name in set(names) if names.count(name) > 1]


def _left_over(world: World) -> list[str]:
    found = [path for path in world.state.rglob("*") if path.name.endswith(UNFINISHED)]
    # The warehouse's empty folder for large queries goes, like its `.wal`, when somebody opens it again.
    found = [path for path in found if path.is_file() or any(path.iterdir())]
    found += _files(world, "outbox") + list((world.state / "outbox").glob("*/*"))
    incoming = world.platform.places.root / "sftp" / "de" / "incoming"
    found += (world.state / "mail").glob("*.eml")
    found += [path for path in incoming.iterdir() if not path.name.endswith("_products.csv")]
    wrong = [f"left over: {path.relative_to(world.shop.parent)}" for path in sorted(set(found))]
    return wrong + [f"still locked: {path.name}" for path in _files(world, "locks") if _is_locked(path)]  # fmt: skip


def _is_locked(path: Path) -> bool:
    with path.open("r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
