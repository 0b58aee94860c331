"""The command line: parse, call a flow, print, exit. The clock is read here."""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from closedloop import __version__
from closedloop.errors import ClosedLoopError

if TYPE_CHECKING:
    from closedloop.model.log import LogFormat
    from closedloop.project import Project

EXIT_CODES = """\b
Exit codes:
  0   done, or nothing to do
  1   some file or wave failed; the report says which
  2   the command line or a project file is wrong; nothing was touched
  69  the server, the warehouse or (check --online) the mail server can't be reached
  70  a bug of ours, with a traceback
  75  suspended, locked, stopped, out of time, or the state folder is in trouble: try later
  130 stopped by Ctrl-C
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time in UTC. It is set once and then only goes on, whatever becomes of the machine's clock."""

    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self.start.astimezone(UTC) + timedelta(seconds=time.monotonic() - self.began)


@dataclass(frozen=True, slots=True)
class Setting:
    """What every command is given: the project's folder and the clock."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    verbose: int = 0
    log_format: "LogFormat | None" = None

    @property
    def talkative(self) -> bool:
        """Say whether -v asked for words where a run has none to say by itself."""
        return self.verbose > 0

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self.clock.now()

    def project(self) -> "Project":
        """Read the project; from then on the log is as it says."""
        from closedloop.log import set_up
        from closedloop.project import load_project

        project = load_project(self.root)
        log = project.settings.log
        set_up(self.verbose, self.log_format or log.format, log.level)
        return project


class Moment(click.ParamType[datetime]):
    """An ISO 8601 time; without an offset it is the machine's local time."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return an aware time in UTC."""
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            self.fail(
                f"'{value}' is no time; write it as 2026-11-21T06:00 or 2026-11-21T06:00:00+01:00",
                param,
                ctx,
            )


class LateGroup(click.Group):
    """A group whose commands live in modules that are imported when they are called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._late: dict[str, tuple[str, str]] = {}

    def late(self, name: str, module: str, attribute: str) -> None:
        """Add a command by the place it is imported from."""
        self._late[name] = (module, attribute)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        """Return all commands in the order they are taught."""
        return list(ORDER)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; for an unknown one, name the nearest."""
        if args[0] not in ORDER and not args[0].startswith("-"):
            from closedloop.core.nearest import nearest

            ctx.fail(f"No such command '{args[0]}'{nearest(args[0], ORDER)}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self._late:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        module, attribute = self._late[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(
    cls=LateGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="closedloop")
@click.option(
    "--project", "-p", "root", default=".", envvar="CLOSEDLOOP_PROJECT", show_default=True,
    type=click.Path(file_okay=False, path_type=Path), help="The project's folder; $CLOSEDLOOP_PROJECT.",
)  # fmt: skip
@click.option(
    "--now",
    "start",
    type=Moment(),
    metavar="TIME",
    help="Set the clock, for rehearsals: 2026-11-21T06:00 in this machine's zone, or with an offset: "
    "2026-11-21T06:00+01:00.",
)
@click.option(
    "--verbose",
    "-v",
    count=True,
    help="Say what was done, off a terminal too; -vv says every step of it.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="Lines on stderr as text or as JSON; [log] format of closedloop.toml.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    root: Path,
    start: datetime | None,
    *,
    verbose: int,
    log_format: "LogFormat | None",
) -> None:
    """Send newsletters through Optimizely Campaign and bring every reaction home.

    \b
    A first look, with nothing but this program:   closedloop demo
    A project of your own:                         closedloop init shop
    What cron starts:                              closedloop run pull_responses
    """
    from closedloop.log import set_up

    set_up(verbose, log_format or "text")
    clock = Clock(start) if start else Clock()
    ctx.obj = Setting(root.absolute(), clock, verbose, log_format)


ORDER = (
    "init",
    "check",
    "run",
    "status",
    "report",
    "dashboard",
    "restart",
    "resend",
    "quarantine",
    "schedule",
    "forget",
    "schema",
    "completion",
    "emulate",
    "demo",
)
for _name, _module in {
    "init": "setup",
    "check": "setup",
    "schema": "setup",
    "schedule": "schedule",
    "run": "operate",
    "status": "operate",
    "report": "report",
    "restart": "resume",
    "dashboard": "dashboard",
    "resend": "resend",
    "forget": "forget",
    "quarantine": "quarantine",
    "completion": "completion",
}.items():
    cli.late(_name, f"closedloop.commands.{_module}", _name)
cli.late("emulate", "closedloop.emulator.command", "emulate")
cli.late("demo", "closedloop.demo.command", "demo")


def main() -> None:
    """Entry point: the only place where an error becomes text and an exit code."""
    sys.exit(outcome(lambda: cli.main(standalone_mode=False)))


def outcome(act: Callable[[], Any]) -> int:
    """Carry out a command line and return its exit code; errors are printed as sentences."""
    from closedloop.log import tell

    try:
        code = act()
    except ClosedLoopError as error:
        for line in str(error).splitlines():
            tell(line)
        return error.exit_code
    except (click.exceptions.Exit, click.Abort, click.ClickException) as error:
        return _clicked(error)
    except Exception as error:  # noqa: BLE001 whatever is not ours to foresee is our bug
        tell(f"this is a bug of closedloop; please report these lines:\n{_trace(error)}")
        return 70
    return code if isinstance(code, int) else 0


def _trace(error: BaseException) -> str:
    """Return where an error and its causes arose; of what they say only what can't come out of a row."""
    from closedloop.model.privacy import without_values

    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [_trace(before), "\nwhich led to\n"] if before else []
    lines += ["Traceback (most recent call last):", *traceback.format_tb(error.__traceback__)]
    return "\n".join(
        line.rstrip("\n")
        for line in [*lines, f"{type(error).__name__}: {without_values(str(error))}"]
    )


def _clicked(error: click.exceptions.Exit | click.Abort | click.ClickException) -> int:
    if isinstance(error, click.Abort):
        click.echo("closedloop: stopped", err=True)
        return 130
    if isinstance(error, click.ClickException):
        error.show()
    return error.exit_code
