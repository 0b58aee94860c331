"""A long way: a TCP relay that hands everything on a while later, in a process of its own.

python -m benchmarks.delay SECONDS PORT; the port it listens on is printed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks import measure as harness

AT_ONCE_BYTES = 1 << 18


@contextmanager
def away(port: int, round_trip_seconds: float) -> Iterator[int]:
    """Give a port by which another one is so far away."""
    command = harness.python("benchmarks.delay", str(round_trip_seconds / 2), str(port))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:  # noqa: S603  this module
        try:
            yield int(relay.stdout.readline() if relay.stdout else 0)
        finally:
            relay.terminate()


async def _relay(seconds: float, port: int) -> None:
    async def accept(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await asyncio.open_connection("127.0.0.1", port, limit=AT_ONCE_BYTES)
        await asyncio.gather(_pass(near, to_far, seconds), _pass(far, to_near, seconds))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=AT_ONCE_BYTES)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    clock = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while (piece := await on_the_way.get())[1]:
            await asyncio.sleep(piece[0] - clock.time())
            sink.write(piece[1])
            await sink.drain()
        sink.close()

    arriving = asyncio.create_task(arrive())
    with suppress(OSError):
        while data := await source.read(AT_ONCE_BYTES):
            on_the_way.put_nowait((clock.time() + seconds, data))
    on_the_way.put_nowait((0, b""))
    with suppress(OSError):
        await arriving


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_relay(float(sys.argv[1]), int(sys.argv[2])))
