"""The command `closedloop emulate`."""

import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import FrameType
from typing import NamedTuple

import click

from closedloop.emulator.notices import ImportResult
from closedloop.emulator.places import Places
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError

FAST_TICK_SECONDS = 2
STEP_SECONDS = 0.2
DAY_SECONDS = 86400


class Due(NamedTuple):
    """When the next import run and the next export are due, in the platform's time."""

    tick: datetime
    export: datetime


class PlatformClock:
    """The platform's time: it starts at a given time and runs at a given speed.

    It never goes back: where the record is ahead, because another process let days pass, the clock jumps.
    """

    def __init__(self, platform: Platform, start: datetime, speed: float) -> None:
        self.platform = platform
        self.start = start
        self.speed = speed
        self.began = time.monotonic()

    def now(self) -> datetime:
        """Return the platform's time."""
        passed = timedelta(seconds=(time.monotonic() - self.began) * self.speed)
        reached = self.platform.record().clock() or self.start
        if reached > self.start + passed:
            self.start, self.began = reached, time.monotonic()
            return reached
        return self.start + passed


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Serve here, not on platform.toml's port."
)
@click.option("--fast", is_flag=True, help="Import every 2 seconds; days pass quickly.")
@click.option(
    "--day-seconds",
    type=click.FloatRange(min=1),
    default=30,
    show_default=True,
    help="With --fast: how long a platform day lasts.",
)
@click.option(
    "--advance", type=click.IntRange(1, 366), metavar="N", help="Let N days pass, and exit."
)
@click.option("--clear", metavar="CLIENT", help="Let support clear this client's halt, and exit.")
@click.pass_context
def emulate(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    folder: Path,
    port: int | None,
    *,
    fast: bool,
    day_seconds: float,
    advance: int | None,
    clear: str | None,
) -> None:
    """Run the campaign platform's side on this machine, in DIR.

    An SFTP server takes your subscriber files, an import run every ten minutes mails them (nobody is really mailed),
    recipients open, click, bounce and leave, and every morning eight response files lie ready.
    DIR is made on the first start; DIR/platform.toml sets how the platform behaves, DIR/client.toml
    holds the section for your closedloop.toml.

    \b
    A rehearsal, with two terminals:
      closedloop emulate rehearsal                # first terminal: serves until Ctrl-C
      cat rehearsal/client.toml                   # second: paste it into closedloop.toml
      closedloop run send_newsletter
      closedloop emulate rehearsal --advance 3    # imports, mails, three days pass
      closedloop run pull_responses

    After --advance the platform is ahead of the clock on the wall: give its time to your
    own side too, with closedloop --now (the command prints it).
    """
    if clear and not Places(folder).settings.exists():
        raise ProjectError(
            f"there is no platform in {folder}; start it: closedloop emulate {shlex.quote(str(folder))}"
        )
    platform = Platform(folder)
    if clear:
        platform.clear(clear)
        click.echo(f"{clear}: cleared; the next import run goes on")
    elif advance:
        _advance(platform, advance, PlatformClock(platform, _start(ctx), 0).now())
    else:
        speed = DAY_SECONDS / day_seconds if fast else 1.0
        _serve(platform, port, PlatformClock(platform, _start(ctx), speed))


def _start(ctx: click.Context) -> datetime:
    """Return the time that the whole program goes by; the real one where none is set."""
    now = getattr(ctx.find_root().obj, "now", None)
    moment = now() if callable(now) else datetime.now(UTC)
    if not isinstance(moment, datetime):
        raise TypeError(f"now() returned {type(moment).__name__}, not a datetime")
    return moment


def _advance(platform: Platform, days: int, now: datetime) -> None:
    for _ in range(days):
        _tick(platform, now)
        now = platform.next_export(now)
        _tick(platform, now - timedelta(minutes=1))
        _export(platform, now)
    stamp = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    click.echo(f"the platform's time is now {stamp}: closedloop --now {stamp} ...")


def _serve(platform: Platform, port: int | None, clock: PlatformClock) -> None:
    # Late, so that nothing else needs the extra that this import needs.
    from closedloop.emulator.server import Server

    with _until_told_to_stop() as stop, Server(platform, port) as server:
        click.echo(f"the emulated campaign platform serves SFTP on {server.host}:{server.port}")
        click.echo(f"sections for your closedloop.toml: {platform.places.client_settings}")
        click.echo(f"its behaviour: {platform.places.settings}; stop it with Ctrl-C")
        _live(platform, clock, stop)
    click.echo("stopped")


def _live(platform: Platform, clock: PlatformClock, stop: Event) -> None:
    """Let import runs and exports happen when they are due, until told to stop."""
    now = clock.now()
    due = Due(now, platform.next_export(now))
    trouble = ""
    while not stop.is_set():
        try:
            due = _act(platform, clock, due)
            trouble = ""
        except ProjectError as error:
            # platform.toml in the middle of an edit: say so once, and go on once it is mended.
            if str(error) != trouble:
                click.echo(f"platform: {error}", err=True)
            trouble = str(error)
        stop.wait(STEP_SECONDS)


def _act(platform: Platform, clock: PlatformClock, due: Due) -> Due:
    now, tick, export = clock.now(), due.tick, due.export
    # A platform day may last a second: every export due is made, each at its own time.
    while export <= now:
        _export(platform, export)
        export = platform.next_export(export)
    if tick <= now:
        _tick(platform, now)
        tick = now + _pause(platform, clock.speed)
    return Due(tick, export)


def _pause(platform: Platform, speed: float) -> timedelta:
    if speed > 1:
        return timedelta(seconds=FAST_TICK_SECONDS * speed)
    return timedelta(minutes=platform.config.import_minutes)


def _tick(platform: Platform, now: datetime) -> None:
    for result in platform.tick(now):
        click.echo(f"{_stamp(now)} import {_sentence(result)}")


def _stamp(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _sentence(result: ImportResult) -> str:
    dropped = "".join(f", {count} {reason}" for reason, count in result.dropped.items())
    counts = f"{result.rows} rows, {result.mailed} mailed{dropped}"
    after = f"; {result.client} is halted until --clear {result.client}" if result.halts else ""
    detail = f" ({result.detail})" if result.detail else ""
    return f"{result.client} {result.upload}: {result.outcome}: {counts}{detail}{after}"


def _export(platform: Platform, now: datetime) -> None:
    names = [path.name for path in platform.export(now)]
    if names:
        click.echo(f"{_stamp(now)} export of {len(names)} files: {', '.join(names)}")


@contextmanager
def _until_told_to_stop() -> Iterator[Event]:
    stop = Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {each: signal.signal(each, told) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
