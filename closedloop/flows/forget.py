"""Forgetting people: their hash is kept, and everything else that names them here is taken away."""

import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from closedloop import copies
from closedloop.core.people import (
    HIDDEN,
    Cleared,
    People,
    Reading,
    hide,
    hide_addresses,
    reading_of,
    take_out,
)
from closedloop.errors import ClosedLoopError
from closedloop.forgotten import ForgottenList
from closedloop.ledger import Ledger
from closedloop.model.filename import Pattern
from closedloop.model.table import Schema
from closedloop.quarantine import CORRECTED
from closedloop.state import StateFolder, appearing, speaking
from closedloop.warehouse.base import Warehouse

Clear = Callable[[bytes, People, Reading], Cleared]


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that this side holds of some clients; `layouts` are the schemas of each one's files.

    `scopes` is how the suppression list names the clients.
    """

    layouts: Mapping[str, Sequence[Schema]]
    scopes: list[str]
    responses: list[Schema]
    state: StateFolder
    ledger: Ledger
    warehouse: Warehouse
    forgotten: ForgottenList


@dataclass(slots=True)
class Forgetting:
    """What came of it: records by place, tables of the user's own that still name the people, and files that can't be read."""

    records: Counter[str] = field(default_factory=Counter)
    left: Mapping[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


def forget(people: People, holdings: Holdings, *, dry_run: bool) -> Forgetting:
    """Forget people; the same again finishes what was broken off.

    First they are written down as forgotten: from then on nobody mails them, and a later delivery that names
    them again is loaded without their names. A dry run counts and changes nothing.
    """
    done = Forgetting()
    if not dry_run:
        key = holdings.forgotten.keyed()
        holdings.forgotten.add(holdings.scopes, {key.hash(each) for each in people.folded})
    for client, layouts in holdings.layouts.items():
        for place, path, clear in _files(client, holdings.state, dry_run=dry_run):
            try:
                done.records[place] += _clear(path, people, layouts, clear, dry_run=dry_run)
            except ClosedLoopError as error:
                done.troubles.append(str(error))
        for path in _named(holdings.state.root / "quarantine" / client, "*.csv"):
            done.records["quarantine"] += _empty(path, people, layouts, dry_run=dry_run)
    for place in ("errors", "mail", "logs"):
        for path in _named(holdings.state.root / place, "*"):
            done.records[place] += _clear(path, people, [], hide_addresses, dry_run=dry_run)
    done.records["ledger"] += holdings.ledger.scrub(people.hidden, dry_run=dry_run)
    _forget_rows(people, holdings, done, dry_run=dry_run)
    return done


def _forget_rows(people: People, holdings: Holdings, done: Forgetting, *, dry_run: bool) -> None:
    """Take them out of the warehouse, where there is one."""
    if holdings.warehouse.mark() is None:
        return
    holdings.warehouse.prepare(holdings.responses)
    forgot = holdings.warehouse.forget(
        [*holdings.layouts], people.among, people.hidden, dry_run=dry_run
    )
    for schema, rows in forgot.blanked.items():
        done.records[f"warehouse: {schema}"] += rows
    done.left = forgot.left


def _files(client: str, state: StateFolder, *, dry_run: bool) -> Iterator[tuple[str, Path, Clear]]:
    """Yield every file that may hold records, with its place and how it is cleared."""
    if not dry_run:
        _remove_halves(client, state)
    for place, clear in (("landing", hide), ("archive", hide), ("outbox", take_out), ("sent", take_out)):  # fmt: skip
        for path in _named(state.root / place / client, "*"):
            if path.suffix != ".json":
                yield place, path, clear


def _remove_halves(client: str, state: StateFolder) -> None:
    """Remove what killed runs left half written; a half fetched file is kept, for it is gone on with."""
    for place in ("archive", "quarantine", "outbox", "sent"):
        for path in _named(state.root / place / client, "*.part"):
            path.unlink()
    for folder in (state.root / "outbox" / client).glob("*.spool"):
        shutil.rmtree(folder)


def _named(folder: Path, pattern: str) -> list[Path]:
    with speaking(folder):
        return sorted(path for path in folder.rglob(pattern) if path.is_file())


def _clear(
    path: Path, people: People, layouts: Sequence[Schema], clear: Clear, *, dry_run: bool
) -> int:
    """Clear one file of people, and return how many of its records named them."""
    records, size = 0, 0
    for cleared in _cleared(path, people, layouts, clear):
        records, size = records + cleared.records, size + len(cleared.text)
    if records and not dry_run:
        copies.rewrite(
            path, (cleared.text for cleared in _cleared(path, people, layouts, clear)), size
        )
    return records


def _cleared(
    path: Path, people: People, layouts: Sequence[Schema], clear: Clear
) -> Iterator[Cleared]:
    reading = None
    for stretch in copies.lines(path):
        reading = reading or reading_of(stretch.partition(b"\n")[0], _schema(path, layouts))
        if stretch.endswith(b"\n"):
            yield clear(stretch, people, reading)
        else:
            cleared = clear(stretch + b"\n", people, reading)
            yield Cleared(cleared.text.removesuffix(b"\n"), cleared.records)


def _schema(path: Path, layouts: Sequence[Schema]) -> Schema | None:
    """Return the schema whose file name this is, or what its copy or its beginning was called after."""
    name = path.name.removesuffix(".part").removesuffix(".zst")
    names = (name, name.rpartition(".")[0])
    return next((s for s in layouts if any(Pattern(s.file).match(each) for each in names)), None)


def _empty(path: Path, people: People, layouts: Sequence[Schema], *, dry_run: bool) -> int:
    """Put one word in the place of every quarantined line that names people; the rows themselves stay and count.

    What a person corrected is loaded, so only the names leave it, as they leave the copy of a file.
    """
    csv.field_size_limit(1 << 30)
    with speaking(path), path.open(encoding="utf-8", newline="") as stream:
        rows = [*csv.reader(stream, delimiter=";")]
    theirs = [row for row in rows if any(people.mentions(row[-1].encode()))]
    if not theirs or dry_run:
        return len(theirs)
    is_loaded = path.name.endswith(CORRECTED)
    reading = reading_of(b"", _schema(path.with_name(path.name.removesuffix(CORRECTED)), layouts))
    for row in theirs:
        row[-1] = _hidden(row[-1], people, reading) if is_loaded else HIDDEN
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    with speaking(path), appearing(path) as target:
        target.write(text.getvalue().encode())
    return len(theirs)


def _hidden(record: str, people: People, reading: Reading) -> str:
    """Return a record without people's names; where they can't be told from the rest, one word alone."""
    clean = hide(record.encode() + b"\n", people, reading).text[:-1]
    return HIDDEN if any(people.mentions(clean)) else clean.decode()
