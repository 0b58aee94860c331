"""Rows on disk while it is decided who of them is mailed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import polars as pl

from closedloop.state import private, speaking


class Spool:
    """Batches of rows in a folder of the owner's only; the folder is gone afterwards.

    What a killed run left in the folder is removed first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: list[Path] = []

    def append(self, rows: pl.DataFrame) -> None:
        """Add a batch."""
        path = self._folder / f"{len(self._batches):06}.arrow"
        with speaking(path), private(path) as stream:
            rows.write_ipc(stream)
        self._batches.append(path)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the batches again, in order."""
        for path in self._batches:
            with speaking(path):
                rows = pl.read_ipc(path)
            yield rows

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        with speaking(self._folder):
            self._folder.mkdir(parents=True, mode=0o700)
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
