"""What goes on beside a load: the file before it is packed, and the next one is read and checked."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from closedloop.core.plan import Planned
from closedloop.flows.fetch import is_here
from closedloop.model.table import Schema
from closedloop.quarantine import corrections_of, has_corrections
from closedloop.state import StateFolder, pack, speaking

if TYPE_CHECKING:
    from closedloop.ahead import Ahead
    from closedloop.flows.load import Landed, Stretch


WORTH_BYTES = 4 << 20
"""Less is packed before another thread has begun to, and the crash sweep meets its acts in one order."""


class Abreast:
    """Two threads beside the loads of some files.

    What packing fails of is raised by the next packing, or at the end of the block. A run that dies before leaves a loaded file
    in the landing folder; the next run packs it.
    """

    def __init__(
        self, files: Sequence[Planned], client: str, zone: ZoneInfo, state: StateFolder
    ) -> None:
        self._client = client
        self._zone = zone
        self._state = state
        self._packer = ThreadPoolExecutor(1, "packing")
        self._packing: Future[None] | None = None
        self._change = threading.Lock()
        self._after = {this.file.name: following for this, following in pairwise(files)}
        self._loaded = ""
        self._read: set[str] = set()
        self._begun: dict[str, Ahead[Stretch]] = {}

    def pack(self, source: Path, target: Path) -> None:
        """Begin to pack a file, once the one before is done; a small one is packed at once."""
        self._wait()
        with speaking(source):
            size = source.stat().st_size
        if size < WORTH_BYTES:
            pack(source, target)
            return
        self._packing = self._packer.submit(pack, source, target)

    def read(self, landed: "Landed") -> "Ahead[Stretch]":
        """Return the checked stretches of a file that is to be loaded now; whoever gets them closes them."""
        name, corrections = landed.path.name, corrections_of(self._state, landed.identity)
        with self._change:
            self._loaded = name
            found = self._begun.pop(name, None)
            if found is None:
                found = self._begin(landed.path, landed.schema, corrections)
            if name in self._read:
                self._begin_next()
        return found

    def _begin(self, path: Path, schema: Schema, corrections: dict[int, str]) -> "Ahead[Stretch]":
        from closedloop.flows.load import checked

        end = partial(self._end, path.name)
        return checked(path, schema, self._zone, corrections, end)

    def _end(self, name: str) -> None:
        """Note that a file is read, and go on with the next: one at a time, for what is read lies in memory."""
        with self._change:
            self._read.add(name)
            if name == self._loaded:
                self._begin_next()

    def _begin_next(self) -> None:
        """Read the file after the one that is loaded, if it is here already: it may be, before it is asked for."""
        following = self._after.get(self._loaded)
        if following is None or following.file.name in self._begun:
            return
        name = following.file.name
        path = self._state.landing(self._client, name)
        # Which of them go in, its hash will tell.
        if is_here(path, following.file) and not has_corrections(self._state, self._client, name):
            self._begun[name] = self._begin(path, following.schema, {})

    def _wait(self) -> None:
        last, self._packing = self._packing, None
        if last:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        with self._change:
            self._loaded = ""
        for begun in self._begun.values():
            begun.close()
        with self._packer:
            if kind is None:
                self._wait()
