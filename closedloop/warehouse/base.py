"""What the program asks of the warehouse."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.run import MailingFigures
from closedloop.model.table import Schema
from closedloop.model.wave import Sighting, Wave

if TYPE_CHECKING:
    import polars as pl

Among = Callable[["pl.Series"], "pl.Series"]
"""Says which of many recipients are certain people."""

Hidden = Callable[[str], str]
"""Returns a text in which the addresses of certain people are put out of sight."""


@dataclass(frozen=True, slots=True)
class Forgot:
    """How many rows were blanked, by schema, and how many of the user's own tables still name the people."""

    blanked: Mapping[str, int]
    left: Mapping[str, int]


class Loading(Protocol):
    """One load in progress: rows go in, nothing is seen by others until `commit`."""

    def append(self, rows: "pl.DataFrame") -> None:
        """Add accepted rows: the typed columns of `core.validate.Checked.accepted`."""
        ...

    def usual(self, files: int, rows: int) -> "list[pl.DataFrame]":
        """Return the first rows of the latest other files of this client and schema, a frame each."""
        ...

    def overlap(self) -> int:
        """Return how many of the rows appended so far, if they are events, other files of this client hold as well."""
        ...

    def commit(
        self, counts: Counts, rejects: Sequence[tuple[str, str, int]], loaded_at: datetime
    ) -> None:
        """Make the rows and their ledger row visible, together or not at all.

        `rejects` are (column, rule, rows): what was quarantined, without the values.
        """
        ...


class Amending(Loading, Protocol):
    """A `Loading` that adds rows to a load that is there, and takes none away; `commit` states the load's new counts."""

    def present(self, lines: Sequence[int]) -> set[int]:
        """Return which of these lines of the file are loaded; asked before the first `append`."""
        ...


class Warehouse(Protocol):
    """A database that holds every delivered row and answers questions about it.

    Every method raises `WarehouseError`, or `WarehouseBusy` where another process holds it, and nothing
    else unless it says so. The `loads` table is the truth about what is loaded.
    """

    def prepare(self, schemas: Sequence[Schema]) -> list[str]:
        """Create what is missing and return a sentence for each change made to what was there.

        A column new in a schema that is nullable is added to its table; views are written anew. Raises
        `ProjectError`, with nothing changed, for any other difference (a column gone, renamed, of another type,
        or new and not nullable), and says what to do.
        """
        ...

    def mark(self) -> str | None:
        """Return, without opening it, what changes whenever the warehouse does; None if there is none yet."""
        ...

    def loads(self, client: str) -> list[Load]:
        """Return the committed loads of a client, by file name."""
        ...

    def loading(self, file: FileIdentity, schema: Schema) -> AbstractContextManager[Loading]:
        """Open a transaction that replaces whatever was loaded under this client and file name.

        Leaving the block without `commit`, by an error or not, leaves the warehouse as it was.
        """
        ...

    def amending(self, file: FileIdentity, schema: Schema) -> AbstractContextManager[Amending]:
        """Open a transaction that adds rows to the load of this very content, which must be there.

        Leaving the block without `commit`, by an error or not, leaves the warehouse as it was.
        """
        ...

    def unresolved(self, client: str, names: Sequence[str]) -> list[tuple[str, str, int]]:
        """Return (file, column, rows) for each reference of these loaded files that points at nothing yet."""
        ...

    def suppressed(self, client: str, among: "pl.Series") -> "pl.DataFrame":
        """Return who of these must not be mailed: `address` as the view `suppressions` has it, `reason` (unsubscribed, bounced).

        Addresses may be told apart by hashes alone: that somebody else is returned as well is unlikely, not impossible.
        """
        ...

    def spellings(self, client: str) -> "pl.DataFrame":
        """Return each delivered recipient that is more than plain ASCII, and the `address` that `suppressions` makes of it.

        Databases differ in the small letters of some signs. Of plain ASCII it is the small letters, trimmed.
        """
        ...

    def record_waves(self, waves: Sequence[Wave]) -> None:
        """Make the table of our waves equal to these, wave by wave; others stay as they are."""
        ...

    def forget(
        self, clients: Sequence[str], among: Among, hidden: Hidden, *, dry_run: bool
    ) -> Forgot:
        """Make some people unknown in the rows of these clients, as far as `prepare` knows the schemas.

        Their rows stay and count, with every personal column empty; so do rows that name them by a mailing to them
        only. Other texts are `hidden`. Afterwards no file of the warehouse holds what was taken out, free blocks included.
        A `dry_run` changes nothing. Tables of the user's own stay as they are.
        """
        ...

    def sightings(self, client: str) -> list[Sighting]:
        """Return, by wave, what the response data shows of the recorded waves of a client, those it shows nothing of left out.

        Nothing where a table that tells of it is not there.
        """
        ...

    def mailings(self, client: str, since: datetime) -> list[MailingFigures]:
        """Return the mailings of a client that started since then, the latest first; nothing where no table tells of them."""
        ...

    def bounced_softly(self, client: str, mailings: Sequence[int]) -> "pl.Series":
        """Return the recipients (as delivered) of the first of these mailings whom it bounced softly, each once.

        Left out is whom any of the mailings reached or bounced for good, also where an earlier report said
        that it bounced softly.
        """
        ...

    def select(self, sql: str, batch_rows: int) -> "Iterator[pl.DataFrame]":
        """Run one query of the user's and yield its rows in batches, with the query's own column names.

        An empty result yields one empty frame, so that the columns are known. Raises `ProjectError` with the
        database's own words if the query is wrong. Read only.
        """
        ...

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query of ours, small enough to hold; times are UTC without a zone."""
        ...

    def close(self) -> None:
        """Let others in."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
