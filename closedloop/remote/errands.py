"""Errands: what the process of a porter does, as it is told in lines of JSON by whoever started it."""

import json
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING, cast

from closedloop.errors import ClosedLoopError
from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress
from closedloop.remote.patience import Patience
from closedloop.remote.porter import GRACE_SECONDS, Words, told
from closedloop.remote.sftp import SftpRemote

if TYPE_CHECKING:
    from closedloop.model.settings import Client

BETWEEN_WORDS_SECONDS = 0.2


def main() -> None:
    """Log in, then fetch what each line names, for as long as there is someone to tell us."""
    signal.signal(signal.SIGTERM, _stop)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with socket.socket(fileno=0) as line:
        threading.Thread(target=_listen, args=(line, lines), daemon=True).start()
        with _remote(json.loads(lines.get())) as remote:
            _answer(line, partial(_connect, remote))
            while True:
                errand = json.loads(lines.get())
                _answer(line, partial(_fetch, remote, errand, _progress(line)))


def _remote(orders: Words) -> SftpRemote:
    # Checked by who sent it: to build the model would take longer than to log in.
    client = cast("Client", SimpleNamespace(**orders["client"]))
    secrets: dict[str, str] = orders["secrets"]
    patience = Patience(**orders["patience"])
    return SftpRemote(client, Path(orders["root"]), secrets.get, patience, orders["name"])


def _answer(line: socket.socket, act: Callable[[], Words]) -> None:
    try:
        _say(line, act())
    except ClosedLoopError as error:
        _say(line, told(error))


def _connect(remote: SftpRemote) -> Words:
    remote.connect()
    return {}


def _fetch(remote: SftpRemote, errand: Words, progress: Progress) -> Words:
    name, size, modified = errand["file"]
    file = RemoteFile(name, size, datetime.fromisoformat(modified))
    return {"sha256": remote.fetch(errand["folder"], file, Path(errand["target"]), progress)}


def _progress(line: socket.socket) -> Progress:
    said = time.monotonic()

    def advance(done: int, _whole: int) -> None:
        nonlocal said
        if time.monotonic() - said > BETWEEN_WORDS_SECONDS:
            said = time.monotonic()
            _say(line, {"done": done})

    return advance


def _say(line: socket.socket, words: Words) -> None:
    # Whoever hung up is told nothing; the listener ends us.
    with suppress(OSError):
        line.sendall(json.dumps(words).encode() + b"\n")


def _listen(line: socket.socket, lines: "queue.SimpleQueue[bytes]") -> None:
    with suppress(OSError):
        for words in line.makefile("rb"):
            lines.put(words)
    # Nobody is there any more: end in order, which keeps what came, or else end.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


def _stop(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit
