"""What a person sees on the terminal: progress while it runs, tables at the end."""

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, Literal

import click

from closedloop.core.report import (
    FAILED,
    failure,
    gaps,
    halted,
    headline,
    held,
    number,
    rejects,
    seen_waves,
    twice_mailed,
    unseen_waves,
)
from closedloop.holdings import size
from closedloop.model.commands import unbroken
from closedloop.model.run import PullResult, RunReport, SendResult
from closedloop.remote.base import Progress, quiet

WIDTH_OFF_TERMINAL = 140
GAP = "  "
"""What stands between two columns of a table."""
HARD = "\0"
"""A space at which no line is folded."""


@contextmanager
def watching(
    *, shown: bool, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str], Progress]]:
    """Give flows a way to show progress: one bar at a time on a terminal, nothing elsewhere.

    What has an end is counted in bytes, with their rate and the time left; what has none in rows, with their rate.
    """
    if not shown:
        yield lambda _title: quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield lambda title: _bar(bars, title, clock)


def _bar(bars: Any, title: str, clock: Callable[[], float]) -> Progress:
    """Begin a step; the one before it is at its end, for a run does one thing after the other."""
    for earlier in bars.task_ids:
        bars.remove_task(earlier)
    task = bars.add_task(title, total=None, amount="")
    begun: list[tuple[float, int]] = []

    def advance(done: int, whole: int) -> None:
        if task not in bars.task_ids:
            return
        # What is there already when a transfer goes on was not moved in this time.
        now = clock()
        if not begun:
            begun.append((now, done))
        (since, there) = begun[0]
        rate = (done - there) / (now - since) if now - since >= 1 else None
        bars.update(task, completed=done, total=whole or None, amount=_amount(done, whole, rate))
        if whole and done >= whole:
            bars.remove_task(task)

    return advance


def _amount(done: int, whole: int, rate: float | None) -> str:
    """Return how far it is, and how fast it goes once that is known."""
    if whole:
        pace = f", {size(rate)}/s" if rate else ""
        return f"{100 * done // whole}% of {size(whole)}{pace}"
    return f"{done:,}, {rate:,.0f}/s" if rate else f"{done:,}"


def show_report(report: RunReport) -> None:
    """Print a report for a person."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, width=_width(), color_system=_colours())
    console.print(headline(report), style="bold", markup=False)
    if isinstance(report.result, PullResult):
        _show_pull(console, report.result)
        for sentence in held(report):
            console.print(sentence, style="yellow", markup=False)
        _show_waves(console, report)
    else:
        _show_send(console, report.result)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)


def _show_pull(console: Any, result: PullResult) -> None:
    if result.files:
        rows = [
            (
                file.name,
                str(file.status),
                f"{file.counts.loaded:,}",
                f"{file.counts.quarantined:,}",
            )
            for file in result.files
        ]
        show_table(("file", "", "rows", "rejected"), rows)
    for file in result.files:
        if file.detail:
            style = "red" if file.status in FAILED else ""
            console.print(f"  {failure(file)}", style=style, markup=False)
        for sentence in (*rejects(file), *(f"{file.name}: {warning}" for warning in file.warnings)):
            console.print(f"  {sentence}", markup=False)
        if file.quarantine:
            console.print(f"  rejected rows: {file.quarantine}", markup=False)
    for sentence in (*gaps(result.missing), *halted(result)):
        console.print(sentence, style="yellow", markup=False)
    if result.ignored:
        verb = "was" if result.ignored == 1 else "were"
        console.print(f"{number(result.ignored, 'other file')} in the folder {verb} left alone")


def _show_waves(console: Any, report: RunReport) -> None:
    """Print what became of our waves."""
    for sentence in seen_waves(report):
        console.print(sentence, markup=False)
    for sentence in (*twice_mailed(report), *unseen_waves(report)):
        console.print(sentence, style="yellow", markup=False)


def _show_send(console: Any, result: SendResult) -> None:
    wave = result.wave
    if wave is None or result.outcome in ("already sent", "nobody bounced"):
        return
    rows = [
        ("selected", f"{wave.selected:,}"),
        *((f"- {why}", f"{n:,}") for why, n in wave.dropped.items()),
    ]
    show_table(("", "rows"), [*rows, ("= written", f"{wave.written:,}")])
    for line in result.preview:
        console.print(f"  {line}", markup=False)


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]], prose: str = "") -> None:
    """Print a table; numbers are set to the right, and no cell is broken but those of the column `prose`.

    A table too wide for the terminal is printed too wide: a broken id can't be copied.
    """
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if prose:
        place = head.index(prose)
        words = [word for cell in columns[place] for word in cell.split()]
        room = _width() - sum(widths) + widths[place] - len(GAP) * len(widths)
        widths[place] = min(widths[place], max([room, *map(len, words)]))
    set_right = [bool(rows) and all(map(_is_number, cells)) for _, *cells in columns]
    rule = f" {'─' * (sum(widths) + len(GAP) * (len(widths) - 1))} "
    heading, *lines = [line for row in (head, *rows) for line in _lines(row, widths, set_right)]
    # Not by a library: its import takes longer than all else that `status` does.
    for line in ("", click.style(heading, bold=True), rule, *lines, ""):
        click.echo(line)


def show_sentence(sentence: str) -> None:
    """Print a sentence, folded where the terminal ends; a command stays in one piece, and a pipe gets it as it is."""
    if not sys.stdout.isatty():
        click.echo(sentence)
        return
    folded = textwrap.wrap(
        unbroken(sentence, HARD),
        _width(),
        subsequent_indent=GAP,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in folded:
        click.echo(line.replace(HARD, " "))


def _lines(row: Sequence[str], widths: Sequence[int], set_right: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a row, the longer cells folded between words."""
    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) if len(cell) > width else [cell]
        for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = [
            part.rjust(width) if right else part.ljust(width)
            for part, width, right in zip(parts, widths, set_right, strict=True)
        ]
        yield f" {GAP.join(padded)} "


def _colours() -> Literal["auto"] | None:
    """Return whether the library may print bold and colours; click's own output goes by the same."""
    context = click.get_current_context(silent=True)
    return None if context and context.color is False else "auto"


def _width() -> int:
    """Return the width of the terminal; a pipe or a file has none of its own."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH_OFF_TERMINAL


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace(
        "-", ""
    ).strip().isdigit() or text in ("", "-")
