"""Two years of a client's life in the state folder: `status`, and a pull that finds nothing new, beside the same a week after the start."""

import os
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from benchmarks.delivery import FIRST_DAY
from benchmarks.measure import Row, interleaved
from benchmarks.shop import Shop
from benchmarks.startup import arguments, quiet_shop, started

FORTNIGHT = 14
FILES_OF_YEARS = 15_000
WAVES = 700
RUNS = 3_000
QUARANTINED = 500
COMMANDS = {"status": ("status",), "a pull with nothing new": ("run", "pull_responses")}


def measure(runs: int) -> list[Row]:
    """Measure both commands in both state folders in turns."""
    with ExitStack() as stack:
        young = stack.enter_context(quiet_shop("young", FORTNIGHT))
        old = stack.enter_context(quiet_shop("old", FORTNIGHT))
        _live_long(old)
        contenders = [
            started(
                f"{name}, {age}",
                "from closedloop.cli import main; main()",
                *arguments(shop, *command),
            )
            for name, command in COMMANDS.items()
            for age, shop in (("young", young), ("old", old))
        ]
        figures = interleaved(contenders, runs)
    what = f"after two years ({FILES_OF_YEARS:,} files, {WAVES} waves)"
    return [
        Row(
            f"`{name}` {what}",
            figures[f"{name}, old"],
            "a fresh state folder",
            figures[f"{name}, young"],
            1.5,
            1.5,
        )
        for name in COMMANDS
    ]


def _live_long(shop: Shop) -> None:
    """Add two years to a state folder, as the program itself would have left them."""
    from closedloop.ledger import Ledger
    from closedloop.model.file import Counts, FileIdentity, Load
    from closedloop.model.wave import Wave, WaveState
    from closedloop.state import StateFolder

    state = StateFolder(shop.root / "var")
    loads: list[Load] = []
    day = FIRST_DAY - timedelta(days=FORTNIGHT)
    while len(loads) < FILES_OF_YEARS:
        for part in range(20):
            at = _at(day)
            file = FileIdentity(
                "de",
                "clicks",
                f"{day:%Y%m%d}_{part}_clicks.csv",
                day,
                1000,
                at,
                f"{len(loads):064x}",
            )
            loads.append(Load(file, Counts(loaded=10), at))
            _write(state.archived(file), at)
        day -= timedelta(days=1)
    with Ledger(state.ledger) as ledger:
        ledger.heal_files("de", [*loads, *ledger.files("de")])
        for number in range(WAVES):
            built = _at(FIRST_DAY - timedelta(days=31 + number))
            name = f"{built:%Y%m%d%H%M%S}_subscribers.csv"
            wave = Wave(
                client="de", wave_id=int(f"{built:%Y%m%d%H%M%S}"), job="send_newsletter", source_mailing=1, file=name,
                slot=built, test=False, state=WaveState.CONFIRMED, selected=10, written=9, dropped={"bounced": 1},
                size=100, sha256="", built_at=built, published_at=built, confirmed_at=built, confirmed_by="WELLE_ID",
                mailing_id=number, mailings=1, seen=9,
            )  # fmt: skip
            ledger.put_wave(wave)
            _write(state.sent("de", name), built)
        if last := ledger.last_run("pull_responses"):
            for number in range(RUNS):
                ledger.put_run(replace(last, run_id=f"pull_responses-{number}", started=_at(day)))
            ledger.put_run(last)
    for load in loads[:QUARANTINED]:
        _write(state.quarantine(load.file), load.loaded_at)


def _at(day: date) -> datetime:
    return datetime.combine(day, time(6), UTC)


def _write(path: os.PathLike[str], at: datetime) -> None:
    with open(path, "wb") as stream:  # noqa: PTH123  many, and fast
        stream.write(bytes(1000))
    os.utime(path, (at.timestamp(), at.timestamp()))
