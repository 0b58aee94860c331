"""Response files brought home: fetched, left over from an interrupted run, or out of the archive."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.core.plan import Planned, recognised
from closedloop.flows.ports import Ports
from closedloop.model.file import FileIdentity, Load, RemoteFile
from closedloop.model.job import PullJob
from closedloop.model.table import Schema
from closedloop.remote.base import Progress
from closedloop.state import pack, sha256, speaking, unpack

if TYPE_CHECKING:
    from closedloop.flows.load import Landed

LONG_TRANSFER = 16 << 20


def known_files(client: str, ports: Ports, since: date = date.min) -> dict[str, Load]:
    """Return what the ledger says is loaded of the days since then, by file name."""
    return {load.file.name: load for load in ports.ledger.files(client, since)}


def available(job: PullJob, schemas: dict[str, Schema], ports: Ports) -> list[RemoteFile]:
    """Return what can be taken in: what the server lists, and whole files here that it has forgotten since."""
    listing = ports.remote.listing(ports.client.download)
    listed = {file.name for file in listing}
    landed = [_described(path) for path in ports.state.landed(job.client)]
    kept, _ = recognised((file for file in landed if file.name not in listed), schemas)
    return [*listing, *(file for file, _, _ in kept)]


def tidy(job: PullJob, known: Mapping[str, Load], ports: Ports) -> None:
    """Archive what an interrupted run of this job loaded and left in the landing folder."""
    for path in ports.state.landed(job.client):
        load = known.get(path.name)
        if load is None or load.file.schema not in job.schemas:
            continue
        if is_here(path, RemoteFile(path.name, load.file.size, load.file.modified)):
            pack(path, ports.state.archived(load.file))


def expected(take: Sequence[Planned], job: PullJob, ports: Ports) -> Sequence[Planned]:
    """Tell the remote which files are fetched next, so that it may begin while others are loaded; return them in this order.

    Of a day the small ones come first: they are loaded while the large ones come.
    """
    take = sorted(take, key=lambda planned: (planned.day, planned.file.size))
    places = [
        (planned.file, ports.state.landing(job.client, planned.file.name)) for planned in take
    ]
    files = [(file, path) for file, path in places if not is_here(path, file)]
    ports.coming.update(path for _, path in files)
    ports.remote.expect(ports.client.download, files)
    return take


def land(planned: Planned, job: PullJob, ports: Ports) -> "Landed":
    """Have the file in the landing folder: fetched now, or whole already."""
    from closedloop.flows.load import Landed

    file, schema = planned.file, planned.schema
    path = ports.state.landing(job.client, file.name)
    if path not in ports.coming and is_here(path, file):
        digest = sha256(path)
    else:
        watch = _letting_others_in(ports, ports.watch(f"fetch {file.name}"))
        digest = ports.remote.fetch(ports.client.download, file, path, watch)
    identity = FileIdentity(
        job.client, schema.name, file.name, planned.day, file.size, file.modified, digest
    )
    return Landed(path, identity, schema)


def _letting_others_in(ports: Ports, progress: Progress) -> Progress:
    """A long wait for a file must not keep others out of the warehouse."""

    def advance(done: int, whole: int) -> None:
        if whole - done > LONG_TRANSFER:
            ports.warehouse.close()
        progress(done, whole)

    return advance


def from_archive(
    day: date,
    job: PullJob,
    schemas: dict[str, Schema],
    known: Mapping[str, Load],
    listed: set[str],
    ports: Ports,
) -> list[Planned]:
    """Put a day's archived files back into the landing folder, but for those listed on the server.

    Of two contents of one name it is the loaded one, else the newest.
    """
    copies = _copies(ports.state.archives(job.client, day))
    copies |= {
        name: ports.state.archived(load.file)
        for name, load in known.items()
        if name in copies and ports.state.archived(load.file).is_file()
    }
    return [
        Planned(_unpacked(file, copies[file.name], job, ports), schema, on, known.get(file.name))
        for file, schema, on in _described_copies(copies, schemas, listed)
        if on == day
    ]


def forgotten(
    job: PullJob,
    schemas: dict[str, Schema],
    known: Mapping[str, Load],
    listed: set[str],
    ports: Ports,
) -> Iterator[Planned]:
    """Put back, one by one, what is archived but neither loaded nor on the server: the warehouse was lost."""
    copies = _copies(ports.state.archives(job.client))
    for file, schema, day in _described_copies(copies, schemas, {*listed, *known}):
        yield Planned(_unpacked(file, copies[file.name], job, ports), schema, day, None)


def _copies(archives: list[Path]) -> dict[str, Path]:
    """Return the newest archived content of each name."""
    return {path.stem.rpartition(".")[0]: path for path in archives}


def _described_copies(
    copies: Mapping[str, Path], schemas: dict[str, Schema], left_out: set[str]
) -> list[tuple[RemoteFile, Schema, date]]:
    archived = (
        RemoteFile(name, 0, datetime.fromtimestamp(int(path.stat().st_mtime), UTC))
        for name, path in copies.items()
        if name not in left_out
    )
    return recognised(archived, schemas)[0]


def _unpacked(file: RemoteFile, copy: Path, job: PullJob, ports: Ports) -> RemoteFile:
    path = ports.state.landing(job.client, file.name)
    unpack(copy, path)
    _date(path, file.modified)
    return _described(path)


def _described(path: Path) -> RemoteFile:
    with speaking(path):
        found = path.stat()
    return RemoteFile(path.name, found.st_size, datetime.fromtimestamp(int(found.st_mtime), UTC))


def _date(path: Path, modified: datetime) -> None:
    """Give a landed file the time it has on the server, which tells that it is whole."""
    with speaking(path):
        os.utime(path, (modified.timestamp(), modified.timestamp()))


def is_here(path: Path, file: RemoteFile) -> bool:
    """Say whether a landed file is the whole of the one listed."""
    return path.is_file() and _described(path) == file
