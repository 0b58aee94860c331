"""Files down and up, beside OpenSSH's own `sftp` against the same server: near, and 40 ms away.

Nobody waits for the disk but ours, which says of a file that it is here once it is on it.
"""

import filecmp
import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import delivery
from benchmarks import measure as harness
from benchmarks.delay import away
from benchmarks.measure import Contender, Figure, Row
from benchmarks.sshd import Server, sshd

ROWS = 8_300_000
FILE_BYTES, UPLOAD_BYTES = 500_000_000, 200_000_000
ROUND_TRIP_SECONDS = 0.04
CHUNK = 1_000_000
HERE = harness.DATA / "transfer"
TO = HERE / "to"
TITLE = "OpenSSH's `sftp`, one file after the other"


@dataclass(frozen=True, slots=True)
class Task:
    """What is moved, which way, and the ratios to reach and to go for."""

    what: str
    way: str
    source: Path
    reach: float
    goal: float


def measure(runs: int) -> list[Row]:
    """Measure all; four minutes for five runs on two cores."""
    day = harness.DATA / f"day_{ROWS}"
    delivery.make(day, ROWS)
    one, up = _file("500", FILE_BYTES), _file("200", UPLOAD_BYTES)
    with ExitStack() as stack:
        server = stack.enter_context(sshd())
        far = _further(server, stack.enter_context(away(server.port, ROUND_TRIP_SECONDS)))
        return [
            _row(Task("one file of 500 MB down", "down", one, 1.3, 0.9), server, runs),
            _row(Task("a day's eight files (850 MB) down", "down", day, 0.8, 0.6), server, runs),
            _row(Task("the same, 40 ms away", "down", day, 1.0, 0.8), far, runs),
            _row(Task("one file of 200 MB up", "up", up, 1.2, 0.9), server, runs),
        ]


def _row(task: Task, server: Server, runs: int) -> Row:
    words = json.dumps([server.port, server.user, str(server.key), server.host_key])
    ours = harness.python("benchmarks.move", task.way, words, str(task.source), str(TO))
    batch = HERE / "batch"
    verb = {"down": "get", "up": "put"}[task.way]
    batch.write_text("".join(f"{verb} {path} {TO}/\n" for path in sorted(task.source.iterdir())))
    turns = [
        Contender("ours", ours, _empty, after=partial(_compare, task.source)),
        Contender("sftp", server.sftp(batch), _empty, after=partial(_compare, task.source)),
    ]
    figures: dict[str, Figure] = harness.interleaved(turns, runs)
    return Row(task.what, figures["ours"], TITLE, figures["sftp"], task.reach, task.goal)


def _file(name: str, size: int) -> Path:
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    if not path.exists():
        with path.open("wb") as stream:
            for _ in range(size // CHUNK):
                stream.write(os.urandom(CHUNK))
    return folder


def _further(server: Server, port: int) -> Server:
    known_hosts = HERE / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {server.host_key}\n")
    return replace(server, port=port, known_hosts=known_hosts)


def _empty() -> None:
    shutil.rmtree(TO, ignore_errors=True)
    TO.mkdir(parents=True)


def _compare(source: Path) -> None:
    for path in source.iterdir():
        if not filecmp.cmp(path, TO / path.name, shallow=False):
            raise SystemExit(f"{path.name} is not what it was")
