"""Replaying: rejected rows, corrected by a person or right under a mended schema, join the load they belong to."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from closedloop.core.corrected import Candidate, Verdict, judge
from closedloop.core.header import Layout
from closedloop.core.parse import read
from closedloop.core.people import HIDDEN
from closedloop.core.validate import Checked, Rejected
from closedloop.errors import ClosedLoopError, ProjectError
from closedloop.flows.blanking import Blanking
from closedloop.flows.ports import Ports
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.table import Schema
from closedloop.quarantine import (
    Kept,
    Quarantined,
    corrections_of,
    delivered,
    put,
    put_corrections,
    rejected_rows,
)
from closedloop.warehouse.base import Amending

TAKEN_OUT = "taken out of the quarantine file"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did, or would do: rows loaded by it, rows still wrong, and why those are, by column and rule."""

    file: str
    loaded: int
    left: int
    why: tuple[tuple[str, str, int], ...]


def replay(
    chosen: Quarantined, schema: Schema, corrected: Path | None, ports: Ports, now: datetime
) -> Replayed:
    """Load what is right by now of a file's rejected rows, each once, however often this is called.

    The texts are those of `corrected`, or of the quarantine file itself. Rows that are still wrong stay there with
    their new reasons; rows that `corrected` does not hold stay as they are. What was corrected is kept before
    anything is loaded: whenever this content is loaded again, it goes in as well.
    """
    mark = ports.ledger.mark(chosen.client)
    is_known = mark is not None and mark == ports.warehouse.mark()
    ports.warehouse.prepare(ports.responses)
    found = _judge(chosen, schema, corrected, ports)
    file = found.load.file
    with ports.warehouse.amending(file, schema) as amending:
        new = _sort(found, amending)
        texts = found.verdict.texts
        put_corrections(ports.state, file, {n: texts[n] for n in new.fresh if n in texts})
        amending.append(found.verdict.right.filter(found.verdict.right["line"].is_in(new.fresh)))
        at = now if new.fresh else found.load.loaded_at
        amending.commit(new.counts, new.rejects, at)
    ports.ledger.put_load(Load(file, new.counts, at))
    put(chosen.path, new.left)
    if is_known:
        ports.warehouse.close()
        ports.ledger.put_mark(chosen.client, ports.warehouse.mark())
    return _told(file, new)


def foresee(chosen: Quarantined, schema: Schema, corrected: Path | None, ports: Ports) -> Replayed:
    """Say what a replay would do; nothing is changed."""
    found = _judge(chosen, schema, corrected, ports)
    with ports.warehouse.amending(found.load.file, schema) as amending:
        return _told(found.load.file, _sort(found, amending))


@dataclass(frozen=True, slots=True)
class _Found:
    """A load, its quarantined rows, what is right by now of those that were looked at, and the lines corrected before."""

    load: Load
    kept: list[Kept]
    verdict: Verdict
    mended: set[int]


@dataclass(frozen=True, slots=True)
class _New:
    """The lines that are loaded by a replay, and what then is left and counted."""

    fresh: list[int]
    left: list[Kept]
    counts: Counts
    rejects: tuple[tuple[str, str, int], ...]


def _judge(chosen: Quarantined, schema: Schema, corrected: Path | None, ports: Ports) -> _Found:
    load = _loaded(chosen, ports)
    kept = rejected_rows(chosen.path)
    given = _texts(corrected) if corrected else kept
    rules: dict[int, set[str]] = {}
    for row in kept:
        rules.setdefault(row.line, set()).add(row.rule)
    candidates = [
        Candidate(line, raw, frozenset(rules.get(line, ())))
        for line, raw in dict.fromkeys((row.line, row.raw) for row in given if row.raw != HIDDEN)
    ]
    lines = {row.line for row in (*kept, *given)}
    layout, there = _looked_up(lines, load.file, schema, ports)
    if lines - there:
        raise _not_rejected(load.file, min(lines - there))
    verdict = judge(candidates, layout, schema, ports.client.zone)
    mended = {*corrections_of(ports.state, load.file)}
    return _Found(load, kept, _without_the_forgotten(verdict, schema, ports), mended)


def _looked_up(
    lines: set[int], file: FileIdentity, schema: Schema, ports: Ports
) -> tuple[Layout, set[int]]:
    """Return how the columns stand in the delivered file, and at which of these lines a record starts."""
    layout, records = None, set[int]()
    with delivered(ports.state, file) as stream:
        for block in read(stream, schema):
            layout = block.layout
            records.update(lines.intersection(block.frame["line"].to_list()))
            records.update(broken.line for broken in block.broken if broken.line in lines)
    if layout is None:
        raise ClosedLoopError(f"{file.name}: the delivered file is empty; nothing was done")
    return layout, records


def _without_the_forgotten(verdict: Verdict, schema: Schema, ports: Ports) -> Verdict:
    """Take the names of people who were forgotten out of what is loaded and out of what is kept."""
    corrected = [Rejected(line, "", "", raw) for line, raw in verdict.texts.items()]
    checked = Checked(verdict.right, [*verdict.wrong, *corrected], 0, dict(verdict.warnings))
    seen = Blanking(schema, ports.forgotten).of(checked)
    wrong, texts = seen.rejected[: len(verdict.wrong)], seen.rejected[len(verdict.wrong) :]
    kept = {row.line: row.raw for row in texts if row.raw != HIDDEN}
    return Verdict(seen.accepted, kept, wrong, seen.warnings)


def _loaded(chosen: Quarantined, ports: Ports) -> Load:
    """Return the load that these rows belong to."""
    for load in ports.warehouse.loads(chosen.client):
        if chosen.is_of(load.file):
            return load
    raise ProjectError(
        f"{chosen.name}: the warehouse holds no load of this content: the file was refused as a whole, or another content "
        "took its place; mend the schema, or look at the newer file"
    )


def _texts(corrected: Path) -> list[Kept]:
    if not corrected.is_file():
        raise ProjectError(f"{corrected}: there is no such file")
    return rejected_rows(corrected)


def _sort(found: _Found, amending: Amending) -> _New:
    """Tell what is new from what an earlier replay loaded, and from lines that nobody rejected."""
    right, wrong = {*found.verdict.right["line"]}, {row.line for row in found.verdict.wrong}
    kept = {row.line: row.raw for row in found.kept}
    there = amending.present([*(kept.keys() | right | wrong)])
    fresh = sorted(right - there)
    # A row of a loaded line waits in the quarantine file only if a replay was killed after it had loaded the row.
    strangers = [n for n in sorted(kept.keys() & there - found.mended) if kept[n] != HIDDEN]
    counts = found.load.counts
    if strangers or len(fresh) > counts.quarantined:
        raise _not_rejected(found.load.file, (strangers or fresh)[0])
    left = [row for row in found.kept if row.line not in right | wrong | there]
    left += [
        Kept(row.line, row.column, row.rule, row.raw)
        for row in found.verdict.wrong
        if row.line not in there
    ]
    left.sort(key=lambda row: row.line)
    counts = replace(
        counts, loaded=counts.loaded + len(fresh), quarantined=counts.quarantined - len(fresh)
    )
    return _New(fresh, left, counts, _by_rule(left, counts.quarantined))


def _not_rejected(file: FileIdentity, line: int) -> ProjectError:
    return ProjectError(
        f"{file.name}: line {line} is not among its rejected rows; keep the line numbers as they are, in the quarantine file "
        "as well. Nothing was loaded"
    )


def _by_rule(left: list[Kept], quarantined: int) -> tuple[tuple[str, str, int], ...]:
    """Count by column and rule; rows that a person took out of the file are counted, too."""
    rules = Counter((row.column, row.rule) for row in left)
    rules["", TAKEN_OUT] = quarantined - len({row.line for row in left})
    return tuple((column, rule, rows) for (column, rule), rows in rules.most_common() if rows > 0)


def _told(file: FileIdentity, new: _New) -> Replayed:
    return Replayed(file.name, len(new.fresh), new.counts.quarantined, new.rejects)
