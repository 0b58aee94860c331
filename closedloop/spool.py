"""Rows kept while it is decided who of them is mailed."""

import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import polars as pl

from closedloop.state import private, speaking

IN_MEMORY = 64 << 20
"""So many bytes of rows stay in memory: half a million recipients, or all of most selections."""


class Spool:
    """Batches of rows, the first ones in memory, the others in a folder of the owner's only; the folder is gone afterwards.

    What a killed run left in the folder is removed first.
    """

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY) -> None:
        self._folder = folder
        self._room = in_memory
        self._batches: deque[pl.DataFrame | Path] = deque()

    def append(self, rows: pl.DataFrame) -> None:
        """Add a batch."""
        self._room -= int(rows.estimated_size())
        self._batches.append(rows if self._room >= 0 else self._laid_down(rows))

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the batches again, in order, and let go of each."""
        while self._batches:
            batch = self._batches.popleft()
            yield self._read(batch) if isinstance(batch, Path) else batch

    def _laid_down(self, rows: pl.DataFrame) -> Path:
        path = self._folder / f"{len(self._batches):06}.arrow"
        with speaking(path), private(path) as stream:
            rows.write_ipc(stream)
        return path

    def _read(self, path: Path) -> pl.DataFrame:
        with speaking(path):
            return pl.read_ipc(path)

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        with speaking(self._folder):
            self._folder.mkdir(parents=True, mode=0o700)
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
