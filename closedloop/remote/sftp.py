"""The platform's file server, reached over SFTP."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from closedloop.errors import (
    AlreadyThere,
    ClosedLoopError,
    NotThere,
    OutcomeUnknown,
    RemoteError,
    StateTrouble,
)
from closedloop.model.file import RemoteFile
from closedloop.remote.access import Access, Secrets
from closedloop.remote.base import NotAsListed, Progress, Remote, quiet
from closedloop.remote.conversation import Refused
from closedloop.remote.landing import landing
from closedloop.remote.line import dial
from closedloop.remote.packets import Attributes
from closedloop.remote.patience import USUAL, Patience
from closedloop.remote.session import Session

if TYPE_CHECKING:
    from closedloop.model.settings import Client
    from closedloop.remote.connection import Connection
    from closedloop.remote.porter import Porter


def open_remote(
    client: "Client", root: Path, secrets: Secrets, patience: Patience = USUAL, name: str = ""
) -> Remote:
    """Return the file server of a client, with transient faults tried again. Connects when first used.

    Paths in the settings are relative to `root`; `name` is the client's in closedloop.toml, for messages. Large files that
    are expected are fetched in processes of their own.
    """
    from closedloop.remote.ahead import AheadRemote
    from closedloop.remote.retrying import RetryingRemote

    slowest = replace(patience, slowest_bytes_per_second=client.slowest_bytes_per_second)
    alone = RetryingRemote(SftpRemote(client, root, secrets, slowest, name))
    if client.connections == 1:
        return alone

    def hire() -> "Porter":
        from closedloop.remote.porter import Porter, orders

        return Porter(orders(client, root, secrets, slowest, name))

    return AheadRemote(alone, hire, client.connections)


class SftpRemote:
    """A `Remote` over SFTP: one connection, made when it is needed and made anew after it broke.

    A server that did not let us in is not asked again before `close`.
    """

    def __init__(
        self,
        client: "Client",
        root: Path,
        secrets: Secrets,
        patience: Patience = USUAL,
        name: str = "",
    ) -> None:
        self._access = Access(client, root, secrets, name)
        self._patience = patience
        self._connection: Connection | None = None
        self._refusal: RemoteError | None = None

    def listing(self, folder: str) -> list[RemoteFile]:
        """Return the plain files in `folder`, sorted by name."""
        with self._session() as session:
            found = [
                _listed(session, f"{folder.rstrip('/')}/{name}", attributes)
                for name, attributes in list(session.names(folder))
            ]
        return sorted((file for file in found if file), key=lambda file: file.name)

    def find(self, path: str) -> RemoteFile | None:
        """Return the file at `path` as it is now, or None."""
        with self._session() as session:
            try:
                return _described(path, session.attributes(path))
            except NotThere:
                return None

    def connect(self) -> None:
        """Be connected from now on, rather than from the first call that needs it."""
        with self._session():
            pass

    def expect(self, folder: str, files: Sequence[tuple[RemoteFile, Path]]) -> None:
        """Wait until they are fetched: there is one connection."""

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Bring one listed file to `target` and return its SHA-256 (hex)."""
        path = f"{folder.rstrip('/')}/{file.name}"
        try:
            return self._fetch(path, file, target, progress)
        except NotThere as error:
            raise NotThere(
                f"{path} is listed, but not there: it was removed meanwhile, or the listing is wrong; if it stays so, "
                "ask the platform's support for it"
            ) from error

    def _fetch(self, path: str, file: RemoteFile, target: Path, progress: Progress) -> str:
        with landing(target, path, file) as place:
            # Told before we wait for a connection, too.
            progress(place.done, file.size)

            def sink(data: memoryview) -> None:
                place.write(data)
                progress(place.done, file.size)

            with self._session(file.size - place.done) as session:
                with session.reading(path) as opened:
                    _check_same(path, opened.attributes(), file)
                    opened.read(place.done, file.size, sink)
                # The provider may write in place: what came is whole only if nothing changed meanwhile.
                _check_same(path, session.attributes(path), file)
                return place.land()

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store `source` at `path`, which must be free, and check the stored size."""
        with _local(source) as (stream, whole), self._session(whole) as session:
            with session.creating(path) as opened:
                sent = opened.write(stream, whole, progress)
            stored = self._stored(session, path)
        if sent != whole:
            raise ClosedLoopError(
                f"{source} changed while it was sent; leave it alone and run again"
            )
        if stored != sent:
            raise RemoteError(
                f"{self._access.peer} stored {stored} of {sent} bytes of {path}, so it was not published; the next run "
                "stores it anew. Is the disk there full?"
            )

    def _stored(self, session: Session, path: str) -> int | None:
        try:
            return session.attributes(path).size
        except NotThere as error:
            raise OutcomeUnknown(
                f"{self._access.peer} took {path} away while it still had its temporary name: it may have been imported; "
                "find out before it is sent again",
                looked=True,
            ) from error

    def publish(self, staged: str, path: str) -> None:
        """Rename `staged` to `path`, never over an existing file. This is the act that mails people."""
        with self._session() as session:
            # Some servers let a rename overwrite, so it is not enough to rely on their refusal.
            if session.is_taken(path):
                raise AlreadyThere(f"{path} exists on the server; nothing was overwritten")
            try:
                session.rename(staged, path)
            except (RemoteError, NotThere) as error:
                raise _after_rename(session, staged, path, error) from error
            _check_renamed(session, staged, path)

    def remove(self, path: str) -> None:
        """Remove a file; a missing file is no error."""
        with self._session() as session, suppress(NotThere):
            session.remove(path)

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        self._refusal = None
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _session(self, size: int = 0) -> Iterator[Session]:
        if self._connection is not None and not self._connection.is_alive:
            self._hang_up()
        if self._connection is None:
            self._connection = self._connected()
        session = self._connection.session
        try:
            with self._connection.acting(self._patience.act(size)):
                yield session
        finally:
            if not session.is_settled:
                self._hang_up()

    def _connected(self) -> "Connection":
        # A caller who goes on to the next file must not knock again: each bad log-in counts towards a lock.
        if self._refusal is not None:
            raise type(self._refusal)(str(self._refusal))
        try:
            return connection(self._access, self._patience)
        except RemoteError as error:
            if not error.transient:
                self._refusal = error
            raise


def connection(access: Access, patience: Patience) -> "Connection":
    """Return a new connection; a server that is slow to greet does so while the library is imported, once in a process."""
    access.look()
    line = dial(access.client.host, access.client.port, patience, access.setting("host"))
    try:
        from closedloop.remote.connection import Connection

        return Connection(access, patience, line)
    except BaseException:
        line.close()
        raise


def _listed(session: Session, path: str, attributes: Attributes) -> RemoteFile | None:
    if attributes.is_link or not attributes.is_complete:
        try:
            attributes = session.attributes(path)
        except NotThere:
            return None
        except Refused:
            if attributes.is_link:
                return None
            raise
    return _described(path, attributes)


def _described(path: str, attributes: Attributes) -> RemoteFile | None:
    if not attributes.is_plain:
        return None
    if attributes.size is None or attributes.modified is None:
        raise RemoteError(
            f"the server does not tell size and time of {path}, which we can't do without; ask the platform's support"
        )
    modified = datetime.fromtimestamp(attributes.modified, UTC)
    return RemoteFile(path.rpartition("/")[2], attributes.size, modified)


def _check_same(path: str, attributes: Attributes, file: RemoteFile) -> None:
    if _described(path, attributes) != file:
        raise NotAsListed(path)


def _after_rename(
    session: Session, staged: str, path: str, error: RemoteError | NotThere
) -> ClosedLoopError:
    unknown = OutcomeUnknown(
        f"no clear answer to renaming {staged} to {path}: it may or may not have happened; "
        f"look which of the two names exists before acting again"
    )
    if isinstance(error, RemoteError) and (error.transient or not isinstance(error, Refused)):
        return unknown
    # A server may have done it, in spite of what it says: storage that asks twice says "no such file" then.
    try:
        staged_is_there, path_is_there = session.is_taken(staged), session.is_taken(path)
    except RemoteError:
        return unknown
    if not path_is_there:
        return error if staged_is_there else NotThere(f"{staged} is not on the server")
    if staged_is_there:
        return AlreadyThere(f"{path} exists on the server; nothing was overwritten")
    return unknown


def _check_renamed(session: Session, staged: str, path: str) -> None:
    """Look whether a rename that the server says it has done has left the old name; if it copied, remove that.

    `OutcomeUnknown` where only the old name is there: it did nothing, or copied, and the import was quick. Where there
    is no looking, its yes stands.
    """
    try:
        is_left = session.is_taken(staged)
        is_copied = is_left and session.is_taken(path)
        if is_copied:
            session.remove(staged)
    except (RemoteError, NotThere):
        return
    if is_left and not is_copied:
        raise OutcomeUnknown(
            f"the server says that it renamed {staged} to {path}, but only the old name is there: find out whether it was "
            "imported before it is sent again",
            looked=True,
        )


@contextmanager
def _local(source: Path) -> Iterator[tuple[io.FileIO, int]]:
    try:
        with source.open("rb", buffering=0) as stream:
            yield stream, source.stat().st_size
    except OSError as error:
        raise StateTrouble(f"can't read {source}: {error.strerror}; nothing was sent") from error
