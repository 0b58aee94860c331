"""The files of a wave: what goes into one, and its making.

The work on rows is in `fill`, which is imported late: a selection runs while polars is imported.
"""

from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.ahead import Ahead
from closedloop.errors import ProjectError
from closedloop.flows.ports import Ports
from closedloop.model.job import Selection
from closedloop.model.table import Schema

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from polars import DataFrame

AHEAD = 2
"""So many batches are read while another is checked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes into one file: from where, in which layout, under which consent; `fills` by filled column."""

    client: str
    job: str
    selection: Selection
    schema: Schema
    consent: str | None
    fills: dict[str, int]


@dataclass(frozen=True, slots=True)
class Built:
    """A written file, or what it would hold: `selected = written + sum(dropped)`."""

    selected: int
    written: int
    dropped: dict[str, int]
    size: int = 0
    sha256: str = ""
    preview: tuple[str, ...] = ()


def build(wanted: Wanted, path: Path, ports: Ports) -> Built:
    """Select, suppress and write one file to `path`; memory holds addresses, reasons, and so many rows as `Spool` keeps there."""
    with _selecting(wanted, ports) as batches:
        from closedloop.flows.fill import fill

        return fill(wanted, batches, path, ports)


def preview(wanted: Wanted, path: Path, ports: Ports) -> Built:
    """Select and suppress, write no file; return the counts and the first lines, masked."""
    with _selecting(wanted, ports) as batches:
        from closedloop.flows.fill import foresee

        return foresee(wanted, batches, path, ports)


def prune(path: Path, schema: Schema, client: str, ports: Ports) -> Built:
    """Take those out of a written file who must not be mailed any more; what it then holds appears whole or not at all."""
    from closedloop.flows.fill import take_out

    return take_out(path, schema, client, ports)


@contextmanager
def _selecting(wanted: Wanted, ports: Ports) -> "Iterator[Iterator[DataFrame]]":
    """Have the rows selected from now on, by a thread of its own, until the block ends."""
    with closing(Ahead(_selected(wanted, ports), AHEAD)) as batches:
        yield batches


def _selected(wanted: Wanted, ports: Ports) -> "Generator[DataFrame]":
    """Yield the selection's rows; what is wrong with it is told with the job's file."""
    try:
        yield from ports.rows(wanted.selection)
    except ProjectError as error:
        raise ProjectError(f"jobs/{wanted.job}.toml: {error}") from error
