"""A porter: a process of its own that fetches files for us, over a connection of its own."""

import json
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closedloop.errors import (
    ClosedLoopError,
    LogInRefused,
    NotThere,
    ProjectError,
    RemoteError,
    StateTrouble,
)
from closedloop.model.file import RemoteFile
from closedloop.remote.access import Secrets
from closedloop.remote.base import NotAsListed, Progress
from closedloop.remote.patience import Patience

if TYPE_CHECKING:
    from closedloop.model.settings import Client

# The same modules from the same places, and nothing of the folder we are in. Half the time to the first byte went into
# collecting garbage that is none, and into a package that paramiko can do without.
PROGRAM = """import gc, sys
gc.disable()
sys.path[:] = {}
sys.modules["invoke"] = None
from closedloop.remote.errands import main
gc.freeze()
gc.enable()
main()
"""
GRACE_SECONDS = 10
PLAIN = {each.__name__: each for each in (LogInRefused, NotThere, ProjectError, StateTrouble)}

Words = dict[str, Any]


class Porter:
    """A running process, told what to do in lines of JSON; it ends with the line to it, so it outlives nobody.

    `orders` are what it needs to log in. They go over the line as well: secrets are on no command line. Every method but
    `close` raises what the remote on the other side raised, and a transient `RemoteError` where the process ended.
    """

    def __init__(self, orders: Words) -> None:
        self._orders = orders
        self._line, far_end = socket.socketpair()
        with far_end:
            # In a group of its own, so that Ctrl-C reaches us alone, who then end it.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-c", PROGRAM.format(sys.path)],
                stdin=far_end.fileno(),
                process_group=0,
            )
        self._stream = self._line.makefile("rwb")

    def log_in(self) -> None:
        """Connect, before the first file."""
        self._ask(self._orders, "")

    @property
    def is_alive(self) -> bool:
        """It can be sent again."""
        return self._process.poll() is None

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress) -> str:
        """Bring one listed file to `target` and return its SHA-256 (hex), as a `Remote` does."""
        path = f"{folder.rstrip('/')}/{file.name}"
        listed = (file.name, file.size, file.modified.isoformat())
        answer = self._ask({"folder": folder, "file": listed, "target": str(target)}, path)
        while "sha256" not in answer:
            progress(answer["done"], file.size)
            answer = self._answer(path)
        return str(answer["sha256"])

    def close(self) -> None:
        """End it, at once but for what it still has to put on the disk; whoever waits for it waits no longer."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(OSError):
            self._stream.close()
        self._line.close()

    def _ask(self, words: Words, path: str) -> Words:
        try:
            self._stream.write(json.dumps(words).encode() + b"\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise _ended() from error
        return self._answer(path)

    def _answer(self, path: str) -> Words:
        try:
            line = self._stream.readline()
        except (OSError, ValueError) as error:
            raise _ended() from error
        if not line.endswith(b"\n"):
            raise _ended()
        answer: Words = json.loads(line)
        if "error" in answer:
            raise _error(answer, path)
        return answer


def orders(client: "Client", root: Path, secrets: Secrets, patience: Patience, name: str) -> Words:
    """Return what a porter needs to log in."""
    named = [each for each in (client.password_env, client.passphrase_env) if each]
    return {
        "client": client.model_dump(mode="json"),
        "root": str(root.absolute()),
        "secrets": {each: secret for each in named if (secret := secrets(each)) is not None},
        "patience": asdict(patience),
        "name": name,
    }


def told(error: ClosedLoopError) -> Words:
    """Return the words for an error that `fetch`, on the other side, raises."""
    return {
        "error": type(error).__name__,
        "message": str(error),
        "transient": isinstance(error, RemoteError) and error.transient,
    }


def _error(answer: Words, path: str) -> ClosedLoopError:
    kind, message = answer["error"], answer["message"]
    if kind == NotAsListed.__name__:
        return NotAsListed(path)
    if kind in PLAIN:
        return PLAIN[kind](message)
    return RemoteError(message, transient=answer["transient"])


def _ended() -> RemoteError:
    return RemoteError(
        "the process that fetched ended before it was done; if that goes on, is there memory enough? connections = 1 in the "
        "client's section of closedloop.toml does without",
        transient=True,
    )
