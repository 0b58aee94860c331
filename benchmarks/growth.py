"""Cost grows in step with the work: 1, 10 and 100 million rows, and 10, 100 and 1,000 files, measured and drawn.

`python -m benchmarks.growth --quick` tries it with little, and draws into data/.
"""

import argparse
import json
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks import delivery, load, shop
from benchmarks import measure as harness
from benchmarks.measure import Contender, Figure, Row
from benchmarks.sshd import Server, sshd

ROWS = (1_000_000, 10_000_000, 100_000_000)
FILES = (10, 100, 1000)
FILES_A_DAY = 8
ROWS_A_DAY = 1000
LINEAR = (1.5, 1.1)


@dataclass(frozen=True, slots=True)
class Curve:
    """What one kind of work cost at each size."""

    what: str
    unit: str
    sizes: tuple[int, ...]
    figures: tuple[Figure, ...]

    def row(self, each: int, beside: int) -> Row:
        """Compare the time for so many at the largest size with that at another."""
        there = self.sizes.index(beside)
        most, less = (
            Figure(figure.wall / size * each, figure.cpu / size * each, figure.peak)
            for size, figure in ((self.sizes[at], self.figures[at]) for at in (-1, there))
        )
        what = f"{self.what} {self.sizes[-1]:,} {self.unit}: time for each {each:,}"
        return Row(what, most, f"the same for {beside:,}", less, *LINEAR)


def measure(
    runs: int,
    rows: tuple[int, ...] = ROWS,
    files: tuple[int, ...] = FILES,
    drawings: Path = harness.HERE,
) -> list[Row]:
    """Measure and draw both; the rows once each, as the longest takes minutes."""
    found = load.growth(rows)
    loads = Curve("load", "rows", rows, tuple(Figure(wall, 0, peak) for _, wall, peak in found))
    pulls, idle = _pulls(files, runs)
    draw([loads], drawings / "growth_rows.svg")
    draw([pulls, idle], drawings / "growth_files.svg")
    few, many = idle.figures[0], idle.figures[-1]
    return [
        loads.row(1_000_000, rows[0]),
        pulls.row(100, files[-2]),  # with fewer, the start is all
        Row(f"nothing new, {files[-1]:,} files known", many, f"{files[0]} files", few, *LINEAR),
    ]


def _pulls(sizes: tuple[int, ...], runs: int) -> tuple[Curve, Curve]:
    """Measure the first pull of so many small files, and the next one, which finds nothing new."""
    with sshd() as server:
        projects = {size: _shop(size, server) for size in sizes}
        first = [
            Contender(f"pull {size}", each.command("run", "pull_responses"), each.empty)
            for size, each in projects.items()
        ]
        pulled = harness.interleaved(first, runs)
        idle = [
            Contender(f"nothing new in {size}", each.command("run", "pull_responses"))
            for size, each in projects.items()
        ]
        found = harness.interleaved(idle, runs)
    return (
        Curve("pull", "files", sizes, tuple(pulled.values())),
        Curve("pull with nothing new", "files", sizes, tuple(found.values())),
    )


def _shop(files: int, server: Server) -> shop.Shop:
    """Make a project whose server has so many files: whole days, and the beginning of one."""
    days = -(-files // FILES_A_DAY)
    whole, some = harness.DATA / f"days_{days}", harness.DATA / f"files_{files}"
    delivery.make(whole, ROWS_A_DAY, days)
    shutil.rmtree(some, ignore_errors=True)
    some.mkdir()
    for path in sorted(whole.iterdir())[:files]:
        os.link(path, some / path.name)
    latest = delivery.FIRST_DAY + timedelta(days=days - 1)
    return shop.opened(harness.DATA / "growth" / str(files), server, some, latest)


def draw(curves: list[Curve], path: Path) -> None:
    """Draw curves in a process of its own, as whoever measures must stay small."""
    points = [
        {
            "what": curve.what,
            "unit": curve.unit,
            "sizes": curve.sizes,
            "wall": [figure.wall for figure in curve.figures],
            "peak": [figure.peak for figure in curve.figures],
        }
        for curve in curves
    ]
    told = json.dumps(points)
    harness.once(Contender("drawing", harness.python("benchmarks.plot", told, str(path))))


def main() -> None:
    """Try it with little."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", required=True)
    arguments.parse_args()
    for row in measure(1, (100_000, 1_000_000, 3_000_000), (10, 100), harness.DATA):
        print(f"{row.what}: {row.ratio:.2f} of {row.beside}")


if __name__ == "__main__":
    main()
