"""A process that has imported everything and lets its children carry out commands: a fork instead of a start."""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.sweep.edges import Trap, arm, edges

LONGEST_SECONDS = 60
IMPORTED = """
css_inline duckdb jinja2 tenacity zstandard
closedloop.commands.forget closedloop.commands.operate closedloop.commands.quarantine closedloop.commands.resume
closedloop.console closedloop.edges closedloop.flows.forget closedloop.flows.replay closedloop.flows.restart
closedloop.mail.mailer closedloop.mail.message closedloop.mail.smtp closedloop.remote.sftp closedloop.warehouse.duckdb
"""


def main() -> None:
    """Carry out one order a line; answer each with the child's exit code, negative for the signal it died of."""
    _warm_up()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(json.loads(line))
        with _patience(child):
            _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _warm_up() -> None:
    for name in IMPORTED.split():
        import_module(name)


@contextmanager
def _patience(child: int) -> Iterator[None]:
    """End a child that hangs, with a signal that no sweep sends."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGABRT))
    signal.alarm(LONGEST_SECONDS)
    yield
    signal.alarm(0)


def _live(order: dict[str, Any]) -> None:
    """Be one run of the program, from its command line to its exit code."""
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(said, stream)
    if Path(order["root"]).exists():
        os.chdir(order["root"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    _arm(order, log)
    code = 70
    try:
        from closedloop.cli import cli, outcome

        code = outcome(lambda: cli.main(order["words"], standalone_mode=False))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arm(order: dict[str, Any], log: int) -> None:
    if order["calls"]:
        library = ctypes.CDLL(order["calls"])
        names = order["root"].encode(), log, order["only"].encode()
        library.arm_calls(*names, order["at"], order["side"] == "midway")
    else:
        arm(Trap(Path(order["root"]), log, order["only"], order["at"], order["side"]))
    if order["idle"]:
        kind, _, name = order["idle"].partition(".")
        setattr(edges()[kind], name, lambda *_given, **_named: None)


if __name__ == "__main__":
    main()
