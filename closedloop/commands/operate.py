"""The commands of every day: run and status."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import click

from closedloop.cli import Day, Setting
from closedloop.completion import jobs, offering
from closedloop.errors import Locked, ProjectError, RemoteError, Suspended, TryLater

if TYPE_CHECKING:
    from closedloop.flows.runner import Wish
    from closedloop.ledger import Run
    from closedloop.model.job import PullJob, SendJob
    from closedloop.model.run import RunReport
    from closedloop.project import Project
    from closedloop.status import JobStatus


@click.command()
@click.argument("job", shell_complete=offering(jobs))
@click.option(
    "--dry-run", is_flag=True, help="Show what would be done; nothing is sent, fetched or loaded."
)
@click.option("--date", "day", type=Day(), help="pull: take this day's files in again.")
@click.option(
    "--again", is_flag=True, help="send: send another wave in a slot that has had one, on purpose."
)
@click.option("--test", is_flag=True, help="send: send to the job's test recipients instead.")
@click.option(
    "--retry",
    is_flag=True,
    help="send: only if an earlier run of this slot died, had to wait, or could not reach something.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def run(
    setting: Setting,
    job: str,
    day: date | None,
    *,
    dry_run: bool,
    again: bool,
    test: bool,
    retry: bool,
    as_json: bool,
) -> int:
    """Carry out JOB, the name of a file in jobs/ without .toml.

    A send job sends one wave in each slot of its schedule, however often it is started. A pull job takes in every
    response file that is new. Both are silent where there is nothing to say and no terminal; with --dry-run, --date,
    --again or --test they always say what they did. With --retry nothing is done, and nothing said, unless something of
    this slot was left undone.

    \b
    closedloop run send_newsletter --dry-run           who would be mailed, who not and why
    closedloop run send_newsletter --test              the same mailing, to the test recipients
    closedloop run pull_responses                      what cron does
    closedloop run pull_responses --date 2026-11-20    a day again, by hand
    """
    project = setting.project()
    chosen = project.job(job)
    if retry:
        _refuse_beside_a_retry(chosen, by_hand=bool(day or dry_run or again or test))
        # Before the rest is imported: that takes longer than the answer, and cron asks every ten minutes.
        if not _is_left_undone(setting, project, chosen):
            return 0
    from closedloop.commands.followed import followed
    from closedloop.console import show_report
    from closedloop.core.report import as_json as to_json
    from closedloop.edges import working
    from closedloop.flows.runner import Wish, carry_out

    wish = Wish(day, dry_run=dry_run, again=again, test=test)
    _refuse_what_does_not_fit(wish, chosen)
    with (
        _hushed(project, job, is_retry=retry),
        followed(setting, project, chosen, in_earnest=not (dry_run or test)) as ending,
        _tried(setting, project, chosen, wish),
        working(project, chosen, shown=sys.stderr.isatty() and not as_json) as given,
    ):
        last = given.ledger.last_run(job)
        report = carry_out(chosen, project, given, wish, setting.now)
        ending.code = report.exit_code
    if as_json:
        click.echo(to_json(report))
    elif setting.talkative or sys.stdout.isatty() or _is_by_hand(wish):
        show_report(report)
    else:
        _tell_troubles(report, last)
    return report.exit_code


def _tell_troubles(report: "RunReport", last: "Run | None") -> None:
    """Tell cron of troubles, but not of those that the last run told."""
    from closedloop.core.report import repeats, troubles
    from closedloop.log import tell

    if not repeats(report, last.report if last else None):
        for sentence in troubles(report):
            tell(f"{report.job}: {sentence}")


def _is_by_hand(wish: "Wish") -> bool:
    """Say whether a run was asked for in a way that cron does not ask: then its answer is its purpose."""
    return bool(wish.day or wish.dry_run or wish.again or wish.test)


def _is_left_undone(setting: Setting, project: "Project", job: "SendJob | PullJob") -> bool:
    """Say whether --retry has anything to do, as soon as the ledger can tell."""
    from closedloop.core.retry import is_left_undone
    from closedloop.core.slots import current_slot
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    slot = current_slot(job.schedule, setting.now(), project.client(job.client).zone)
    state = StateFolder(project.state)
    state.refuse_if_gone()
    with Ledger(state.ledger) as ledger:
        waves = [wave for wave in ledger.waves(job.client) if wave.job == job.name]
        return is_left_undone(ledger.last_try(job.name), waves, slot)


@contextmanager
def _tried(
    setting: Setting, project: "Project", job: "SendJob | PullJob", wish: "Wish"
) -> Iterator[None]:
    """Write down that a send was started in its slot, and how that ended."""
    from closedloop.flows.tries import tried
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    if job.kind == "pull" or wish.dry_run or wish.test:
        yield
        return
    state, zone = StateFolder(project.state), project.client(job.client).zone
    state.refuse_if_gone()
    with (
        Ledger(state.ledger) as ledger,
        tried(job, zone, ledger, setting.now()),
    ):
        yield


@contextmanager
def _hushed(project: "Project", job: str, *, is_retry: bool) -> Iterator[None]:
    """Let a retry end without a word where nothing is new: cron mails every word, every ten minutes."""
    from closedloop.core.retry import was_said
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    with Ledger(StateFolder(project.state).ledger) as ledger:
        last = ledger.last_run(job) if is_retry else None
    report = last.report if last else None
    try:
        yield
    except (TryLater, RemoteError) as error:
        is_told = isinstance(error, Locked | Suspended) or was_said(str(error), report)
        if is_retry and is_told:
            raise click.exceptions.Exit(error.exit_code) from None
        raise


def _refuse_beside_a_retry(job: "SendJob | PullJob", *, by_hand: bool) -> None:
    if job.kind == "pull":
        raise ProjectError(f"jobs/{job.name}.toml is a pull job: --retry belongs to send jobs")
    if by_hand:
        raise ProjectError("--retry goes on with the slot's wave; it stands alone")


def _refuse_what_does_not_fit(wish: "Wish", job: "SendJob | PullJob") -> None:
    """Refuse options that belong to another kind of job, or to none, before anything is touched."""
    where = f"jobs/{job.name}.toml"
    if job.kind == "pull" and (wish.again or wish.test):
        raise ProjectError(f"{where} is a pull job: --again and --test belong to send jobs")
    if job.kind == "send" and wish.day:
        raise ProjectError(f"{where} is a send job: --date belongs to pull jobs")
    if job.kind == "send" and wish.test and not job.test_recipients:
        raise ProjectError(
            f"{where}: --test needs a section [test_recipients], with 'sql' or 'file'"
        )
    if wish.day and wish.dry_run:
        raise ProjectError("--date takes a day's files in again; there is no --dry-run of it")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.pass_obj
def status(setting: Setting, *, as_json: bool) -> None:
    """Show each job at a glance: its last run and why it failed, its next slot, what is missing, what waits for a person.

    Below that: letters and files that wait, and how much room the state folder takes. Times are in the zone of the job's
    client; the JSON's are UTC. Asks neither the server nor the warehouse, and lists the state folder without opening its files.

    \b
    closedloop status
    closedloop status --json | jq '.jobs[] | select(.exit_code > 0)'
    """
    from closedloop.errorfiles import ErrorFiles
    from closedloop.holdings import holdings, in_one_line, lingering
    from closedloop.ledger import Ledger
    from closedloop.model.settings import database_file
    from closedloop.state import StateFolder
    from closedloop.status import as_json as to_json
    from closedloop.status import glance

    project, now = setting.project(), setting.now()
    state = StateFolder(project.state)
    state.refuse_if_gone()
    with Ledger(state.ledger) as ledger:
        shown = [
            status.told(setting.typed)
            for status in glance(project, ledger, ErrorFiles(state).open(), now)
        ]
    held = holdings(state, project.root / database_file(project.settings.warehouse.url))
    waiting = [*map(setting.typed, lingering(held, now))]
    if as_json:
        click.echo(to_json(shown, held, state.free_bytes(), waiting))
        return
    _show_status(shown, [*waiting, in_one_line(held, state.free_bytes())])


def _show_status(shown: "Sequence[JobStatus]", rest: Sequence[str]) -> None:
    from closedloop.console import show_sentence, show_table
    from closedloop.status import table

    show_table(*table(shown))
    for job in shown:
        waves = [job.last_wave, *job.unconfirmed] if job.last_wave else job.unconfirmed
        for sentence in dict.fromkeys(waves):
            show_sentence(f"{job.job}: {sentence}")
    for sentence in (*(sentence for job in shown for sentence in job.sentences), *rest):
        show_sentence(sentence)
