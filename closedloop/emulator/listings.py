"""Listings: a folder's names as the server tells them, and names that no folder should hold."""

import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh

PLAIN_FILE = stat.S_IFREG | 0o644
ODD_NAMES = (
    "",
    "20261120_clicks.csv\n",
    "20261120_clicks.csv\n20261121_clicks.csv",
    "20261120_clicks.csv\x00",
    "\x1b[2J20261120_clicks.csv",
    "../20261120_clicks.csv",
    "/etc/20261120_clicks.csv",
    "\u202evsc.skcilc_02111620",
    "\uff12\uff10260001_clicks.csv",
    "20261120_CLICKS.CSV",
    "Grüße_20261120_clicks.csv".encode("latin-1"),
    "x" * 4096,
)


def inside(folder: Path) -> Iterator[tuple[str, asyncssh.SFTPAttrs]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            # What goes away meanwhile is not listed.
            with suppress(FileNotFoundError):
                yield entry.name, asyncssh.SFTPAttrs.from_local(entry.stat(follow_symlinks=False))


class Pages:
    """A folder's names in answers of `size` names, or of as many as the library likes.

    The library begins each answer by asking for an iterator, and ends it where that one ends.
    """

    def __init__(self, names: AsyncIterator[asyncssh.SFTPName], size: int) -> None:
        self._names = names
        self._size = size
        self._given = 0

    def __aiter__(self) -> "Pages":
        self._given = 0
        return self

    async def __anext__(self) -> asyncssh.SFTPName:
        if self._size and self._given == self._size:
            raise StopAsyncIteration
        self._given += 1
        return await anext(self._names)


def entry(name: str | bytes, attributes: asyncssh.SFTPAttrs) -> asyncssh.SFTPName:
    # The long name is for people; left to itself the library spends most of a listing on it.
    return asyncssh.SFTPName(os.fsencode(name), os.fsencode(name), attributes)
