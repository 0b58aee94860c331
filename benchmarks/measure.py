"""Contenders in turns, each in a process of its own: wall time, CPU time, peak memory, and the rows of the table."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
DATA = HERE / "data"
MIB = 1024.0
"""Kilobytes of `ru_maxrss` in a MiB."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one run cost: wall and CPU seconds (with the children it waited for), peak memory in MiB of its largest process.

    A process's peak counts what its parent held when it was started: whoever measures must stay small.
    """

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Contender:
    """A command to measure. `before` and `after` are called around each run and are not measured: `after` looks at its result."""

    name: str
    command: Sequence[str]
    before: Callable[[], object] = lambda: None
    environment: Mapping[str, str] | None = None
    after: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what we cost beside what, and the ratio to reach and to go for."""

    what: str
    ours: Figure
    beside: str
    other: Figure
    reach: float
    goal: float
    by: Literal["wall", "cpu", "peak"] = "wall"

    @property
    def ratio(self) -> float:
        """Ours by theirs; below 1 we are better."""
        mine: float = getattr(self.ours, self.by)
        theirs: float = getattr(self.other, self.by)
        return mine / theirs


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module by this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def once(contender: Contender) -> Figure:
    """Run a contender and return what it cost; its output is shown where it fails, and the benchmark ends."""
    contender.before()
    environment = {**os.environ, **(contender.environment or {})}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        said = [(os.POSIX_SPAWN_DUP2, output.fileno(), each) for each in (1, 2)]
        child = os.posix_spawnp(
            contender.command[0], tuple(contender.command), environment, file_actions=said
        )
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - began
        if code := os.waitstatus_to_exitcode(status):
            output.seek(0)
            raise SystemExit(
                f"{contender.name} ended with {code}:\n{output.read().decode()[-2000:]}"
            )
    contender.after()
    return Figure(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MIB)


def interleaved(contenders: Sequence[Contender], runs: int) -> dict[str, Figure]:
    """Let the contenders take turns and return each one's medians."""
    figures: dict[str, list[Figure]] = {contender.name: [] for contender in contenders}
    for turn in range(runs):
        for contender in contenders:
            figure = once(contender)
            figures[contender.name].append(figure)
            _say(f"  {turn + 1}/{runs} {contender.name}: {_figure(figure)}")
    return {name: median(each) for name, each in figures.items()}


def median(figures: Sequence[Figure]) -> Figure:
    """Return the median of each figure."""
    return Figure(
        *(
            statistics.median(getattr(figure, each) for figure in figures)
            for each in ("wall", "cpu", "peak")
        )
    )


def keep(part: str, rows: Sequence[Row], runs: int) -> None:
    """Put a part's rows into results.json, and write RESULTS.md anew from all of it."""
    path = HERE / "results.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[part] = {
        "on": date.today().isoformat(),  # noqa: DTZ011  the day as the reader's calendar has it
        "runs": runs,
        "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
    }
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(_table(kept)) + "\n"
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    for row in rows:
        _say(
            f"{row.what}: {row.ratio:.2f} of {row.beside} (reach {row.reach:g}, go for {row.goal:g})"
        )


def _table(kept: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "# Results",
        "",
        "Written by `make bench`: contenders take turns, each in a process of its own; medians. Trust the ratios (ours by",
        "theirs, below 1 is better), not the seconds. CPU seconds are those of all processes but the servers', memory is the",
        "peak of the largest process.",
        "",
        "| what | ours | beside | theirs | ratio | reach | go for |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in kept.values():
        for row in part["rows"]:
            ours, other = Figure(**row["ours"]), Figure(**row["other"])
            by = "" if row["by"] == "wall" else f" {row['by']}"
            lines.append(
                f"| {row['what']} | {_figure(ours)} | {row['beside']} | {_figure(other)} | **{row['ratio']:.2f}**{by} | "
                f"{row['reach']:g} | {row['goal']:g} |"
            )
    measured = ", ".join(
        f"{name} {part['on']} ({part['runs']} runs)" for name, part in kept.items()
    )
    drawn = [f"![Cost by size]({path.name})" for path in sorted(HERE.glob("growth_*.svg"))]
    return [*lines, "", f"Measured: {measured}.", "", *drawn]


def _figure(figure: Figure) -> str:
    said = []
    if figure.wall:
        said.append(f"{figure.wall:.2f} s")
    if figure.cpu:
        said.append(f"{figure.cpu:.2f} CPU s")
    if figure.peak:
        said.append(f"{figure.peak:,.0f} MiB")
    return ", ".join(said)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
