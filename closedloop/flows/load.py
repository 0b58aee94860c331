"""One landed file: checked as a stream, and loaded in one transaction with its ledger row."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from closedloop import memory
from closedloop.ahead import Ahead
from closedloop.core.corrected import with_corrections
from closedloop.core.header import Layout
from closedloop.core.parse import read
from closedloop.core.report import number
from closedloop.core.shape import may_be_shifted, sentence, shifted
from closedloop.core.validate import Checked, check
from closedloop.errors import FileRefused
from closedloop.flows.blanking import Blanking
from closedloop.flows.ports import Ports
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.job import PullJob
from closedloop.model.table import Schema
from closedloop.state import QuarantineFile, speaking
from closedloop.warehouse.base import Loading

AHEAD = 2
"""So many blocks are read while others are checked, and so many are checked while earlier ones are loaded."""
USUAL_FILES = 5
LOOKED_AT = 1000
"""So many rows at the beginning of a file, and of so many earlier ones, show whether its columns changed places."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A whole file in the landing folder, and what it is."""

    path: Path
    identity: FileIdentity
    schema: Schema


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is left of a block once it is checked; so many bytes of the file are `read` by then."""

    layout: Layout
    blank: int
    header: int
    checked: Checked
    read: int


@dataclass(slots=True)
class Tally:
    """What became of a file's records so far."""

    counts: Counts = field(default_factory=Counts)
    rejects: Counter[tuple[str, str]] = field(default_factory=Counter)
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)
    overlap: int = 0

    def add(self, stretch: Stretch, checked: Checked) -> None:
        """Count one stretch, of which this was loaded and rejected."""
        so_far = self.counts
        self.counts = Counts(
            loaded=so_far.loaded + checked.accepted.height,
            quarantined=so_far.quarantined + checked.rejected_rows,
            blank=so_far.blank + stretch.blank,
            header=so_far.header + stretch.header,
        )
        self.rejects.update((row.column, row.rule) for row in checked.rejected)
        self.warnings.update(checked.warnings)

    def refusal(self, job: PullJob) -> str | None:
        """Say why the file fails as a whole, or None."""
        bad, rows = self.counts.quarantined, self.counts.loaded + self.counts.quarantined
        few = bad <= job.reject_floor and self.counts.loaded
        if not bad or few or bad <= job.reject_limit * rows:
            return None
        (column, rule), often = self.rejects.most_common(1)[0]
        where = f"column '{column}': {rule}" if column else rule
        return (
            f"{bad:,} of {rows:,} rows rejected, more than reject_limit = {job.reject_limit:g} allows; "
            f"most often ({often:,}): {where}. Nothing of the file was loaded; mend the schema, or ask the platform, "
            f"then: closedloop restart {job.name}"
        )

    def by_rule(self) -> tuple[tuple[str, str, int], ...]:
        """Return (column, rule, rows), most frequent first."""
        return tuple((column, rule, rows) for (column, rule), rows in self.rejects.most_common())

    def warned(self) -> tuple[str, ...]:
        """Return a sentence for each warning."""
        columns = (
            f"column '{column}': {rows:,} rows: {rule}"
            for (column, rule), rows in self.warnings.items()
        )
        verb, them = ("stands", "it") if self.overlap == 1 else ("stand", "them")
        again = (
            f"{number(self.overlap, 'row')} {verb} in other files, too; the views count {them} once"
        )
        return (*columns, *([again] if self.overlap else []))


def load(
    landed: Landed, job: PullJob, ports: Ports, now: datetime, found: Ahead[Stretch]
) -> tuple[Tally, Path | None]:
    """Load what was `found` in a landed file; return the counts and where its rejected rows lie, if any.

    The rejected rows are on disk before the load is committed. Raises `FileRefused`, with nothing loaded and the
    rejected rows kept, where the file fails as a whole. What a person corrected of this content before goes in.
    """
    memory.keep()
    identity, tally = landed.identity, Tally()
    kept = ports.state.quarantine(identity)
    blanking = Blanking(landed.schema, ports.forgotten)
    progress = ports.watch(f"load {identity.name}")
    with (
        closing(found),
        QuarantineFile(kept) as quarantine,
        ports.warehouse.loading(identity, landed.schema) as loading,
    ):
        for turn, stretch in enumerate(found):
            if not turn:
                _refuse_shifted(landed, stretch, loading)
            rows = blanking.of(stretch.checked)
            tally.add(stretch, rows)
            loading.append(rows.accepted)
            quarantine.write((row.line, row.column, row.rule, row.raw) for row in rows.rejected)
            progress(stretch.read, identity.size)
        tally.overlap = loading.overlap()
        place = quarantine.keep()
        if refusal := tally.refusal(job):
            raise FileRefused(
                f"{identity.name}: {refusal}; the rejected rows are in {ports.state.shown(kept)}"
            )
        # Before the commit: what is loaded is archived as it lies there, whoever brings that to its end.
        blanking.clear(landed.path)
        loading.commit(tally.counts, tally.by_rule(), now)
    ports.ledger.put_load(Load(identity, tally.counts, now))
    return tally, place


def _refuse_shifted(landed: Landed, stretch: Stretch, loading: Loading) -> None:
    """Raise `FileRefused` if the beginning of a file looks as if its columns had changed places."""
    schema, layout = landed.schema, stretch.layout
    if schema.shifted == "ignore" or not may_be_shifted(layout, by_header=stretch.header > 0):
        return
    first = stretch.checked.accepted.head(LOOKED_AT)
    if columns := shifted(first, loading.usual(USUAL_FILES, LOOKED_AT), schema):
        raise FileRefused(f"{landed.identity.name}: {sentence(columns, layout, schema)}")


def checked(
    path: Path,
    schema: Schema,
    zone: ZoneInfo,
    corrections: Mapping[int, str],
    then: Callable[[], None] = lambda: None,
) -> Ahead[Stretch]:
    """Begin to read and check a file, with what a person corrected of it before; return its stretches.

    `then` is done by the thread that has checked the last.
    """
    return Ahead(_stretches(path, schema, zone, corrections, then), AHEAD)


def _stretches(
    path: Path,
    schema: Schema,
    zone: ZoneInfo,
    corrections: Mapping[int, str],
    then: Callable[[], None],
) -> Generator[Stretch]:
    with (
        speaking(path),
        path.open("rb") as stream,
        closing(Ahead(read(stream, schema), AHEAD)) as blocks,
    ):
        for block in blocks:
            rows = check(block, schema, zone)
            corrected = with_corrections(block, rows, corrections, schema, zone)
            yield Stretch(block.layout, block.blank, block.header, corrected, stream.tell())
    then()
