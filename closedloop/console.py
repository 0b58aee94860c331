"""What a person sees on the terminal: progress while it runs, tables at the end."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from closedloop.core.report import gap, headline, rejects
from closedloop.model.run import PullResult, RunReport, SendResult
from closedloop.remote.base import Progress, quiet

WIDTH_OFF_TERMINAL = 140


@contextmanager
def watching(*, shown: bool) -> Iterator[Callable[[str], Progress]]:
    """Give flows a way to show progress: bars on a terminal, nothing elsewhere."""
    if not shown:
        yield lambda _title: quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield lambda title: _bar(bars, title)


def _bar(bars: Any, title: str) -> Progress:
    task = bars.add_task(title, total=None)

    def advance(done: int, whole: int) -> None:
        bars.update(task, completed=done, total=whole or None, visible=not whole or done < whole)

    return advance


def show_report(report: RunReport) -> None:
    """Print a report for a person."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, width=_width())
    console.print(headline(report), style="bold", markup=False)
    if isinstance(report.result, PullResult):
        _show_pull(console, report.result)
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
                file.detail,
            )
            for file in result.files
        ]
        show_table(("file", "", "rows", "rejected", ""), rows, console)
    for file in result.files:
        for sentence in (*rejects(file), *(f"{file.name}: {warning}" for warning in file.warnings)):
            console.print(f"  {sentence}", markup=False)
        if file.quarantine:
            console.print(f"  rejected rows: {file.quarantine}", markup=False)
    for missing in result.missing:
        console.print(f"missing: {gap(missing)}", style="yellow", markup=False)
    if result.ignored:
        console.print(f"{result.ignored:,} other files in the folder were left alone", markup=False)


def _show_send(console: Any, result: SendResult) -> None:
    wave = result.wave
    if wave is None or result.outcome == "already sent":
        return
    rows = [
        ("selected", f"{wave.selected:,}"),
        *((f"- {why}", f"{n:,}") for why, n in wave.dropped.items()),
    ]
    show_table(("", "rows"), [*rows, ("= written", f"{wave.written:,}")], console)
    for line in result.preview:
        console.print(f"  {line}", markup=False)


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]], console: Any = None) -> None:
    """Print a table; columns that hold numbers are set to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(head):
        numeric = bool(rows) and all(_is_number(row[number]) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    (console or Console(highlight=False, width=_width())).print(table)


def _width() -> int | None:
    """Return the width for a pipe or a file, which have none of their own."""
    return None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace(
        "-", ""
    ).strip().isdigit() or text in ("", "-")
