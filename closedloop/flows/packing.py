"""Packing: landed files go into the archive while the next ones are loaded."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from closedloop.state import pack


class Packing:
    """Packs one file at a time in a thread; what fails is raised by the next call, or at the end of the block.

    A run that dies before leaves a loaded file in the landing folder; the next run packs it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "packing")
        self._last: Future[None] | None = None

    def pack(self, source: Path, target: Path) -> None:
        """Begin to pack a file, once the one before is done."""
        self._wait()
        self._last = self._thread.submit(pack, source, target)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        with self._thread:
            if kind is None:
                self._wait()
