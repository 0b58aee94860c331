"""What a flow is given: the outside worlds, the project's facts, and someone to show progress to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from closedloop.mail.base import NoMailer
from closedloop.model.privacy import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from polars import DataFrame

    from closedloop.errorfiles import ErrorFiles
    from closedloop.ledger import Ledger
    from closedloop.mail.base import Mailer
    from closedloop.model.job import Selection
    from closedloop.model.privacy import Forgotten
    from closedloop.model.settings import Client
    from closedloop.model.table import Schema
    from closedloop.remote.base import Progress, Remote
    from closedloop.state import StateFolder
    from closedloop.warehouse.base import Warehouse


@dataclass(frozen=True, slots=True)
class Layouts:
    """The schemas of the files a send job writes."""

    subscribers: Schema
    products: Schema | None


class Stages:
    """Where a run stands: the stage it is in, for the error file."""

    def __init__(self) -> None:
        self.now = ""

    def __call__(self, stage: str) -> None:
        """Enter a stage."""
        self.now = stage


@dataclass(frozen=True, slots=True)
class Ports:
    """The edges of one run of one job.

    `responses` are the schemas of all tables in the warehouse, `blocklist` patterns of addresses. `forgotten` are those who
    must not be known any more. `rows` yields the rows of a selection. `watch` gives, for a title, someone to tell how far a
    long act has come. `coming` are the places of files that the remote was told to expect.
    """

    client: Client
    client_name: str
    remote: Remote
    warehouse: Warehouse
    ledger: Ledger
    state: StateFolder
    responses: list[Schema]
    blocklist: list[str]
    rows: Callable[[Selection], Iterator[DataFrame]]
    watch: Callable[[str], Progress]
    errors: ErrorFiles
    mailer: Mailer = field(default_factory=NoMailer)
    at: Stages = field(default_factory=Stages)
    coming: set[Path] = field(default_factory=set)
    forgotten: Forgotten = NOBODY
