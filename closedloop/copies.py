"""Kept files, packed or plain, read in whole lines and written anew in place."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from closedloop.errors import ClosedLoopError
from closedloop.state import CHUNK, appearing, decompressed, speaking


def lines(path: Path) -> Iterator[bytes]:
    """Yield a file in stretches of whole lines, unpacked where it is packed.

    Raises `ClosedLoopError` where the copy is damaged.
    """
    rest = b""
    for chunk in _chunks(path):
        head, line_feed, tail = chunk.rpartition(b"\n")
        if line_feed:
            yield rest + head + line_feed
            rest = tail
        else:
            rest += tail
    if rest:
        yield rest


def rewrite(path: Path, stretches: Iterable[bytes], size: int) -> None:
    """Put other bytes, `size` of them, in the place of a file's; its time stays. It is whole at every moment."""
    import zstandard

    with speaking(path):
        given = path.stat()
        with appearing(path) as stream:
            if path.suffix == ".zst":
                packing = zstandard.ZstdCompressor(level=1, write_checksum=True)
                with packing.stream_writer(stream, size=size, closefd=False) as packed:
                    for stretch in stretches:
                        packed.write(stretch)
            else:
                stream.writelines(stretches)
            stream.flush()
            os.utime(stream.fileno(), ns=(given.st_mtime_ns, given.st_mtime_ns))


def _chunks(path: Path) -> Iterator[bytes]:
    import zstandard

    try:
        with speaking(path), path.open("rb") as stream:
            if path.suffix == ".zst":
                yield from decompressed(stream)
            else:
                while chunk := stream.read(8 * CHUNK):
                    yield chunk
    except zstandard.ZstdError as error:
        raise ClosedLoopError(
            f"{path}: the copy is damaged ({error}); take it from a backup, or remove it"
        ) from None
