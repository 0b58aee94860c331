"""One account's folders, as its client sees them over SFTP: honest, or as bad as asked for."""

import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import asyncssh

from closedloop.emulator import listings
from closedloop.emulator.answers import Answers
from closedloop.emulator.config import Account
from closedloop.emulator.imports import UPLOAD_NAME
from closedloop.emulator.misbehaviour import REFUSALS, Fault
from closedloop.emulator.mischief import Mischief
from closedloop.emulator.places import Places

Result = TypeVar("Result")


class _Pretended(Exception):
    """What was asked for is said to be done."""


class Folders(asyncssh.SFTPServer):
    """One account's folders; no way out of them, and no rename over an existing file."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel[bytes],
        places: Places,
        account: Account,
        mischief: Mischief,
    ) -> None:
        super().__init__(channel, chroot=os.fsencode(places.account(account)))
        self._incoming = places.upload(account).resolve()
        self._taken = places.taken(account)
        self._mischief = mischief
        self._written: dict[object, Path] = {}
        Answers(channel, mischief)

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        opening = super().open
        opened: list[object] = []

        async def act() -> object:
            opened.append(await _awaited(opening(path, pflags, attrs)))
            if pflags & asyncssh.FXF_WRITE:
                self._written[opened[0]] = self._local(path)
            return opened[0]

        try:
            return await self._answer("open", act)
        except asyncssh.SFTPError:
            for file_obj in opened:
                super().close(file_obj)
            raise

    async def close(self, file_obj: object) -> None:
        # The library forgets the file whatever we answer, and closes here what a lost client left open.
        super().close(file_obj)
        self._take_staged(self._written.pop(file_obj, None))
        if not self.channel.is_closing():
            await self._answer("close", _nothing)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        asked = self._mischief.now
        if asked.short_reads:
            size = min(size, asked.short_reads)
        if asked.truncate_downloads:
            size = max(0, min(size, asked.truncate_downloads - offset))
        read = super().read
        return await self._answer("read", lambda: read(file_obj, offset, size), size)

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        write = super().write

        async def store() -> int:
            limit = self._mischief.now.truncate_uploads
            kept = data[: max(0, limit - offset)] if limit else data
            fits = self._mischief.stored(len(kept))
            await _awaited(write(file_obj, offset, kept[:fits]))
            if fits < len(kept):
                raise asyncssh.SFTPNoSpaceOnFilesystem("No space left on device")
            return len(data)

        return await self._answer("write", store, len(data))

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        described = super().stat
        return await self._answer("stat", lambda: self._described(described(path)))

    async def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        described = super().lstat
        return await self._answer("lstat", lambda: self._described(described(path)))

    async def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        described = super().fstat
        return await self._answer("fstat", lambda: self._described(described(file_obj)))

    async def remove(self, path: bytes) -> None:
        remove = super().remove
        with suppress(_Pretended):
            await self._answer("remove", lambda: remove(path))

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        with suppress(_Pretended):
            await self._answer("rename", lambda: self._rename(oldpath, newpath))

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        fault = self._mischief.fault("opendir")
        if fault:
            # The library asks for the folder's names later, so nothing is done before or after here.
            self._strike_at_once(fault)
        return listings.Pages(self._names(path), self._mischief.now.page)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("No links here")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("No links here")

    async def _answer(
        self, request: str, act: Callable[[], Result | Awaitable[Result]], size: int = 0
    ) -> Result:
        """Act and answer, unless a fault strikes before or after the act."""
        fault = self._mischief.fault(request, size)
        if fault and fault.when == "before":
            await self._strike(fault)
        try:
            return await _awaited(act())
        finally:
            if fault:
                await self._strike(fault)

    async def _strike(self, fault: Fault) -> None:
        if fault.do == "stall":
            await self.connection.wait_closed()
            raise asyncssh.SFTPConnectionLost("Stalled")
        self._strike_at_once(fault)

    def _strike_at_once(self, fault: Fault) -> None:
        if fault.do == "pretend":
            raise _Pretended
        if fault.do in REFUSALS:
            raise asyncssh.SFTPError(REFUSALS[fault.do], "No")
        if not self.channel.is_closing():
            self.connection.abort()
        raise asyncssh.SFTPConnectionLost("Cut")

    async def _described(
        self,
        found: os.stat_result | asyncssh.SFTPAttrs | Awaitable[os.stat_result | asyncssh.SFTPAttrs],
    ) -> asyncssh.SFTPAttrs:
        attributes = await self.convert_attrs(found)
        return self._as_told(attributes, "stat")

    def _as_told(self, attributes: asyncssh.SFTPAttrs, where: str) -> asyncssh.SFTPAttrs:
        """Lie about a file's size and time, where asked to."""
        asked = self._mischief.now
        is_file = stat.S_ISREG(attributes.permissions or 0)
        if is_file and asked.lie_in in (where, "everywhere"):
            attributes.size = max(0, (attributes.size or 0) + asked.size_off)
            # The protocol has 32 bits for it: before 1970 is told as after 2038.
            attributes.mtime = ((attributes.mtime or 0) + asked.time_off) % 2**32
        return attributes

    async def _names(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        fault = self._mischief.fault("readdir")
        if fault and fault.when == "before":
            await self._strike(fault)
        folder = Path(os.fsdecode(self.map_path(path)))
        for name in (".", ".."):
            yield listings.entry(name, asyncssh.SFTPAttrs.from_local(folder.stat()))
        is_bare = self._mischief.now.bare_names
        for name, attributes in listings.inside(folder):
            told = asyncssh.SFTPAttrs() if is_bare else self._as_told(attributes, "listing")
            yield listings.entry(name, told)
        changed = int(folder.stat().st_mtime)
        described = asyncssh.SFTPAttrs(
            size=100, permissions=listings.PLAIN_FILE, atime=changed, mtime=changed
        )
        for made_up in self._made_up(path):
            yield listings.entry(made_up, described)
        if fault:
            await self._strike(fault)

    def _made_up(self, path: bytes) -> Iterator[str | bytes]:
        asked = self._mischief.now
        for ghost in asked.ghosts:
            parent, _, name = ghost.rpartition("/")
            if parent.strip("/") == os.fsdecode(path).strip("/"):
                yield name
        for number in range(asked.names):
            yield f"filler_{number:06}.csv"
        if asked.odd_names:
            yield from listings.ODD_NAMES

    def _take_staged(self, path: Path | None) -> None:
        """Take in a file that was written under a temporary name, where that is asked for."""
        if path is None or not self._mischief.now.import_staged:
            return
        name = path.name.removesuffix(".part")
        if path.parent == self._incoming and UPLOAD_NAME.fullmatch(name) and path.exists():
            path.replace(self._taken / name)

    def _rename(self, oldpath: bytes, newpath: bytes) -> None:
        old, new = self._local(oldpath), self._local(newpath)
        if not old.is_file():
            super().rename(oldpath, newpath)
        elif self._mischief.now.overwrite:
            old.replace(new)
        else:
            _rename_file(old, new, leave=self._mischief.now.rename_copies)
        if (
            self._mischief.now.import_at_once
            and new.parent == self._incoming
            and UPLOAD_NAME.fullmatch(new.name)
        ):
            new.replace(self._taken / new.name)

    def _local(self, path: bytes) -> Path:
        return Path(os.fsdecode(self.map_path(path)))


def _rename_file(old: Path, new: Path, *, leave: bool) -> None:
    """Rename a file, never over an existing one, even if that one appears at this very moment."""
    try:
        os.link(old, new, follow_symlinks=False)
    except FileExistsError as error:
        raise asyncssh.SFTPFileAlreadyExists("File already exists") from error
    if not leave:
        old.unlink()


def _nothing() -> None:
    pass


async def _awaited(result: Result | Awaitable[Result]) -> Result:
    return await result if isinstance(result, Awaitable) else result
