"""The command restart."""

from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.completion import offering, open_errors
from closedloop.errors import ClosedLoopError, ProjectError

if TYPE_CHECKING:
    from closedloop.core.restart import Choice
    from closedloop.model.error_file import ErrorFile

ASKED = 75


@click.command()
@click.argument("what", nargs=-1, metavar="[JOB|FILE]...", shell_complete=offering(open_errors))
@click.option("--dry-run", is_flag=True, help="Show what a restart would do; nothing is done.")
@click.option(
    "--assume-sent", is_flag=True, help="The platform has the wave: it is never uploaded again."
)
@click.option(
    "--resend",
    is_flag=True,
    help="Nobody was mailed: the same content goes out under a new name, as the same wave.",
)
@click.pass_obj
def restart(
    setting: Setting, what: tuple[str, ...], *, dry_run: bool, assume_sent: bool, resend: bool
) -> int:
    """Go on where a job failed: with the open error files of a JOB, with one FILE, or with all.

    A failure writes an error file to var/errors, and its job is suspended until it is restarted. A restart goes
    on at the failed stage and never repeats a completed one. Where it is not known whether a wave was mailed, it
    does nothing on a guess: find out first, from the platform's list of mailings, its status mail or its support,
    then say so with --assume-sent or --resend. What is resolved is kept in var/errors/resolved.

    \b
    closedloop restart --dry-run                        what is open, and what a restart would do
    closedloop restart pull_responses                   after the cause was mended
    closedloop restart send_newsletter --assume-sent    people were mailed, or support triggers the mailing
    closedloop restart send_newsletter --resend         nobody was mailed
    """
    from closedloop.core.restart import act_for, chosen
    from closedloop.errorfiles import ErrorFiles
    from closedloop.state import StateFolder

    choice = _choice(assume_sent=assume_sent, resend=resend)
    project = setting.project()
    state = StateFolder(project.state)
    state.refuse_if_gone()
    errors = chosen(ErrorFiles(state).open(), what, choice, project.jobs)
    acts = [(error, act_for(error, choice)) for error in errors]
    if not acts:
        click.echo("no error file is open: there is nothing to restart")
    code = 0
    for error, act in acts:
        _show(setting, error, act)
        if not dry_run:
            code = max(code, _resume(setting, error, act))
    return code


def _choice(*, assume_sent: bool, resend: bool) -> "Choice | None":
    if assume_sent and resend:
        raise ProjectError(
            "--assume-sent and --resend exclude each other: were people mailed, or not?"
        )
    if assume_sent:
        return "assume-sent"
    return "resend" if resend else None


def _show(setting: Setting, error: "ErrorFile", act: str) -> None:
    click.echo(f"{error.name}: {error.case}, at stage '{error.stage}'")
    click.echo(f"  {setting.typed(error.problem)}")
    if error.wave:
        wave = error.wave
        click.echo(f"  wave {wave.wave_id}, {wave.file}, {wave.written:,} recipients")
    click.echo(f"  restart {act}")


def _resume(setting: Setting, error: "ErrorFile", act: str) -> int:
    """Bring one error file to its end; return the exit code. Another job's failure does not stop the others."""
    from closedloop.core.restart import Act
    from closedloop.log import tell

    if act == Act.ASK:
        for step in error.next_steps[1:]:  # the first one is to look, which was just done
            click.echo(f"  {step.when}:\n    {setting.typed(step.command)}")
        return ASKED
    try:
        return _carry_out(setting, error, Act(act))
    except ClosedLoopError as failure:
        tell(str(failure))
        return failure.exit_code


def _carry_out(setting: Setting, error: "ErrorFile", act: str) -> int:
    import sys

    from closedloop.commands.followed import followed
    from closedloop.console import show_report
    from closedloop.core.restart import Act
    from closedloop.edges import working
    from closedloop.flows import restart as flow
    from closedloop.model.run import RunReport

    project = setting.project()
    job = project.job(error.job)
    with (
        followed(setting, project, job) as ending,
        working(project, job, shown=sys.stderr.isatty()) as given,
    ):
        if error.name not in (still.name for still in given.errors.open()):
            click.echo("  it was brought to its end meanwhile")
            return 0
        came = flow.restart(error, Act(act), job, project, given, setting.now)
        if isinstance(came, RunReport):
            ending.code = came.exit_code
        elif came:
            ending.code = int(came.state == "unknown")
    if isinstance(came, RunReport):
        show_report(came)
        return came.exit_code
    if error.is_waveless_halt:
        look = setting.typed("closedloop status")
        click.echo(
            f"  sends of the client '{error.client}' go on; a slot that still lacks its wave: {look}"
        )
    if came:
        click.echo(
            f"  wave {came.wave_id} is {came.state}: {came.file}, {came.written:,} recipients"
        )
    return ending.code
