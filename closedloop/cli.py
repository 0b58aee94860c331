"""The command line: parse, call a flow, print, exit. The clock is read here."""

import gc
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from closedloop import __version__
from closedloop.errors import ClosedLoopError

if TYPE_CHECKING:
    from pathlib import Path

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

OBJECTS_WORTH_A_SEARCH = 100_000
"""So many new objects may lie about until garbage is looked for among them; Python's own choice is 700."""


class Clock:
    """Tells the time in UTC. It is set once and then only goes on, whatever becomes of the machine's clock."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime.now(UTC)
        self._began = time.monotonic()

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self._start.astimezone(UTC) + timedelta(seconds=time.monotonic() - self._began)


class Setting(NamedTuple):
    """What every command is given: the project's folder and the clock; `is_named` where the command line named the folder."""

    root: "Path"
    clock: Clock
    verbose: int = 0
    log_format: "LogFormat | None" = None
    is_named: bool = False

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
        set_up(self.verbose, self.log_format or log.format, log.level, self.typed)
        return project

    def typed(self, text: str) -> str:
        """Return a text whose commands name the folder, where the command line did: else they work as they are."""
        from closedloop.model.commands import in_project

        return in_project(text, str(self.root)) if self.is_named else text


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


class Day(click.ParamType[date]):
    """A day, as ISO 8601 writes it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no day; write it as 2026-11-20", param, ctx)


COMMANDS = {
    "init": ("closedloop.commands.setup", "Write a new project."),
    "check": ("closedloop.commands.setup", "Check the project; with --online, the servers too."),
    "run": ("closedloop.commands.operate", "Carry out a job: what cron starts."),
    "status": ("closedloop.commands.operate", "Show each job, and what waits for a person."),
    "report": ("closedloop.commands.report", "Show a past run again."),
    "dashboard": (
        "closedloop.commands.dashboard",
        "Write a page about mailings, reactions and deliveries.",
    ),
    "restart": ("closedloop.commands.resume", "Go on where a job failed."),
    "resend": ("closedloop.commands.resend", "Send a wave once more to its soft bounces."),
    "quarantine": (
        "closedloop.commands.quarantine",
        "List, show and load again the rejected rows.",
    ),
    "schedule": ("closedloop.commands.schedule", "Print what starts the jobs: cron or systemd."),
    "forget": ("closedloop.commands.forget", "Forget people, in all that is kept."),
    "schema": (
        "closedloop.commands.setup",
        "Write what editors need to complete and check the files.",
    ),
    "completion": ("closedloop.commands.completion", "Print what lets a shell complete commands."),
    "emulate": ("closedloop.emulator.command", "Run the platform's side on this machine."),
    "demo": ("closedloop.demo.command", "Play three weeks of newsletters."),
}
"""All commands in the order they are taught: where each is imported from, and what it does in a few words."""


class LateGroup(click.Group):
    """A group whose commands live in modules that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        """Return all commands in the order they are taught."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's signature
        """List the commands without importing them all."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; for an unknown one, name the nearest."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from closedloop.core.nearest import nearest

            ctx.fail(f"No such command '{args[0]}'{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command


def _speak_as(
    _: click.Context, __: click.Parameter, form: "LogFormat | None"
) -> "LogFormat | None":
    """Let what is wrong with the rest of the command line be said in this form, too."""
    from closedloop.log import set_up

    set_up(0, form or "text")
    return form


@click.group(
    cls=LateGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="closedloop")
@click.option(
    "--project", "-p", "root", default=".", envvar="CLOSEDLOOP_PROJECT", show_default=True,
    type=click.Path(file_okay=False), help="The project's folder; $CLOSEDLOOP_PROJECT.",
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
    is_eager=True,
    callback=_speak_as,
    help="Lines on stderr as text or as JSON; [log] format of closedloop.toml.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    root: str,
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
    from pathlib import Path

    from closedloop.log import set_up

    is_named = ctx.get_parameter_source("root") is ParameterSource.COMMANDLINE
    setting = Setting(Path(root).absolute(), Clock(start), verbose, log_format, is_named)
    set_up(verbose, log_format or "text", told=setting.typed)
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
    ctx.obj = setting


def main() -> None:
    """Entry point: the only place where an error becomes text and an exit code."""
    # What is made at the start stays: to search it for garbage, and to take it apart at the end, would take a fifth of a short run.
    gc.set_threshold(OBJECTS_WORTH_A_SEARCH)
    code = outcome(lambda: cli.main(standalone_mode=False))
    if "duckdb" not in sys.modules:
        # Its binding looks at the end for what is left of it, and would say so.
        gc.freeze()
    sys.exit(code)


def outcome(act: Callable[[], Any]) -> int:
    """Carry out a command line and return its exit code; errors are printed as sentences."""
    try:
        code = act()
    except ClosedLoopError as error:
        _tell(*str(error).splitlines())
        return error.exit_code
    except (click.exceptions.Exit, click.Abort, click.ClickException) as error:
        return _clicked(error)
    except OSError as error:
        return _unwritten(error) if _is_of_the_output(error) else _bug(error)
    except Exception as error:  # noqa: BLE001 whatever is not ours to foresee is our bug
        return _bug(error)
    return code if isinstance(code, int) else 0


def _bug(error: Exception) -> int:
    _tell(f"this is a bug of closedloop; please report these lines:\n{_trace(error)}")
    return 70


def _is_of_the_output(error: OSError) -> bool:
    """Say whether an error arose where something was printed."""
    import traceback

    places = {frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__)}
    return bool(places & {"click.utils", "rich.console"})


def _unwritten(error: OSError) -> int:
    """Say that what was to be printed could not be; a reader that has seen enough, as `head`, needs no word."""
    if not isinstance(error, BrokenPipeError):
        _tell(
            f"what it had to say could not be written: {error.strerror}; make room there, or print it elsewhere. "
            "What was done stays done: closedloop status"
        )
    # Else Python, at its end, tries once more, and complains.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ClosedLoopError.exit_code


def _tell(*sentences: str) -> None:
    from closedloop.log import tell

    for sentence in sentences:
        tell(sentence)


def _trace(error: BaseException) -> str:
    """Return where an error and its causes arose; of what they say only what can't come out of a row."""
    import traceback

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
        _tell("stopped")
        return 130
    if isinstance(error, click.ClickException):
        from closedloop.log import is_for_machines

        if is_for_machines():
            _tell(error.format_message())
        else:
            error.show()
    return error.exit_code
