"""An SFTP session: look, list, rename, remove, and open files to move them."""

from collections.abc import Iterator
from contextlib import contextmanager

from closedloop.errors import AlreadyThere, NotThere
from closedloop.remote import packets
from closedloop.remote.conversation import Conversation, Refused, Stream
from closedloop.remote.packets import Attributes, Fields, Kind, OpenFlag, Status
from closedloop.remote.transfer import Reading, Writing

SAFE_BLOCK = 32 * 1024
# Servers take twice that; the memory for more is fetched from the system anew for every block.
LARGEST_BLOCK = 120 * 1024


class Session:
    """File operations on one SFTP server. `peer` names it in messages.

    A missing file or folder raises `NotThere`, any other no `Refused`, a broken connection or a
    server that talks nonsense another `RemoteError`. Usable on as long as it `is_settled`.
    """

    def __init__(self, stream: Stream, peer: str) -> None:
        self._peer = Conversation(stream, peer)
        self._largest_read = self._largest_write = SAFE_BLOCK
        if b"limits@openssh.com" in self._peer.extensions:
            self._learn_limits()

    @property
    def is_settled(self) -> bool:
        """Nothing is under way or broken."""
        return self._peer.is_settled

    def attributes(self, path: str, *, follow: bool = True) -> Attributes:
        """Describe a file; `follow` a link to what it points at."""
        answer = self._peer.call(Kind.STAT if follow else Kind.LSTAT, _encoded(path))
        fields = self._peer.expect(answer, Kind.ATTRS, f"look at {path}")
        with self._peer.understanding():
            return Attributes.read(fields)

    def is_taken(self, path: str) -> bool:
        """Say whether a name is in use, be it by a folder or by a link to nowhere."""
        try:
            self.attributes(path, follow=False)
        except NotThere:
            return False
        return True

    def names(self, folder: str) -> Iterator[tuple[str, Attributes]]:
        """Yield what is in a folder, itself and its parent left out, in the server's order."""
        doing = f"list {folder}"
        handle = self._open(Kind.OPENDIR, doing, _encoded(folder))
        with self._closing(handle, doing):
            while True:
                answer = self._peer.call(Kind.READDIR, handle)
                if answer.status == Status.EOF:
                    return
                yield from self._page(self._peer.expect(answer, Kind.NAME, doing))

    def rename(self, old: str, new: str) -> None:
        """Rename by the plain request, which servers refuse where `new` exists."""
        answer = self._peer.call(Kind.RENAME, _encoded(old), _encoded(new))
        self._peer.expect(answer, Kind.STATUS, f"rename {old} to {new}")

    def remove(self, path: str) -> None:
        """Remove a file."""
        answer = self._peer.call(Kind.REMOVE, _encoded(path))
        self._peer.expect(answer, Kind.STATUS, f"remove {path}")

    @contextmanager
    def reading(self, path: str) -> Iterator[Reading]:
        """Open a file to read it."""
        doing = f"read {path}"
        handle = self._open_file(doing, path, OpenFlag.READ)
        with self._closing(handle, doing):
            yield Reading(self._peer, handle, path, self._largest_read)

    @contextmanager
    def creating(self, path: str) -> Iterator[Writing]:
        """Create a file to write it; raise `AlreadyThere` if the name is taken."""
        doing = f"create {path}"
        if self.is_taken(path):
            raise AlreadyThere(f"{path} exists on the server; nothing was written")
        try:
            flags = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE
            handle = self._open_file(doing, path, flags)
        except Refused as error:
            if self.is_taken(path):
                raise AlreadyThere(f"{path} exists on the server; nothing was written") from error
            raise
        with self._closing(handle, doing):
            yield Writing(self._peer, handle, path, self._largest_write)

    def _learn_limits(self) -> None:
        answer = self._peer.call(Kind.EXTENDED, packets.text(b"limits@openssh.com"))
        if answer.kind == Kind.EXTENDED_REPLY:
            with self._peer.understanding():
                answer.fields.long()
                self._largest_read = _block(answer.fields.long())
                self._largest_write = _block(answer.fields.long())

    def _page(self, fields: Fields) -> list[tuple[str, Attributes]]:
        page = []
        with self._peer.understanding():
            for _ in range(fields.number()):
                name = _shown(str(fields.text(), "utf-8", "backslashreplace"))
                fields.text()
                attributes = Attributes.read(fields)
                # A name with a slash would lead out of the folder: no honest server has one.
                if name not in ("", ".", "..") and "/" not in name:
                    page.append((name, attributes))
        return page

    def _open_file(self, doing: str, path: str, flags: OpenFlag) -> bytes:
        no_attributes = packets.number(0)
        return self._open(Kind.OPEN, doing, _encoded(path), packets.number(flags), no_attributes)

    def _open(self, kind: Kind, doing: str, *fields: bytes) -> bytes:
        opened = self._peer.expect(self._peer.call(kind, *fields), Kind.HANDLE, doing)
        with self._peer.understanding():
            return packets.text(bytes(opened.text()))

    @contextmanager
    def _closing(self, handle: bytes, doing: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self.is_settled:
                self._peer.call(Kind.CLOSE, handle)
            raise
        self._peer.expect(self._peer.call(Kind.CLOSE, handle), Kind.STATUS, doing)


def _encoded(path: str) -> bytes:
    return packets.text(path.encode())


def _shown(name: str) -> str:
    """Write signs that would move or colour a terminal, or break a line, as what they are; no name of ours has any."""
    if name.isprintable():
        return name
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name
    )


def _block(limit: int) -> int:
    # A server may leave its limit open by saying 0; what every server takes is then the safe choice.
    return min(limit, LARGEST_BLOCK) or SAFE_BLOCK
