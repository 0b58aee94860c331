"""The command that shows past runs again: report."""

import json
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.completion import offering, runs
from closedloop.errors import ClosedLoopError, ProjectError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from closedloop.ledger import Ledger, Run
    from closedloop.project import Project

SHOWN = 20


@click.command()
@click.argument("run", required=False, shell_complete=offering(runs))
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.pass_obj
def report(setting: Setting, run: str | None, *, as_json: bool) -> None:
    """Show a past run again: RUN is its id, or the name of a job for its last one; without it, list the last runs.

    Every run that did something, was mailed about or left an error file is kept. Runs that found nothing new share one row for
    each job, JOB-idle, and those that had to wait or could not reach something another, JOB-failed: the latest of each is kept. Times are in the zone of the job's client; the JSON's are UTC.

    \b
    closedloop report
    closedloop report pull_responses
    closedloop report pull_responses-20261120T060000000000Z --json
    """
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    project = setting.project()
    state = StateFolder(project.state)
    state.refuse_if_gone()
    with Ledger(state.ledger) as ledger:
        if run is None:
            _list(ledger.latest_runs(SHOWN), project, as_json=as_json)
        else:
            _show(_found(run, ledger, project), as_json=as_json)


def _found(name: str, ledger: "Ledger", project: "Project") -> "Run":
    if found := ledger.run(name) or ledger.last_run(name):
        return found
    if name in project.jobs:
        raise ProjectError(f"{name} has not run yet: closedloop run {name}")
    from closedloop.core.nearest import nearest

    known = [*project.jobs, *(run.run_id for run in ledger.latest_runs(SHOWN))]
    raise ProjectError(
        f"there is no run and no job called '{name}'{nearest(name, known)}; 'closedloop report' lists the last runs"
    )


def _show(run: "Run", *, as_json: bool) -> None:
    from closedloop.console import show_report
    from closedloop.core.report import from_json

    kept = json.loads(run.report)
    if as_json:
        click.echo(json.dumps({**_row(run), **kept}, ensure_ascii=False))
    elif "error" in kept:
        click.echo(f"{run.client} {run.job}: exit {run.exit_code}: {kept['error']}")
    else:
        try:
            show_report(from_json(run.report))
        except ValueError:
            raise ClosedLoopError(
                f"another version of closedloop wrote the report of {run.run_id}: closedloop report {run.run_id} --json shows it as it is"
            ) from None


def _list(runs: "list[Run]", project: "Project", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{**_row(run), "headline": _headline(run)} for run in runs]))
        return
    if not runs:
        click.echo("no job has run yet")
        return
    from closedloop.console import show_table

    show_table(
        ("run", "started", "took", "exit", "what came of it"),
        [_line(run, _zone(run, project)) for run in runs],
        prose="what came of it",
    )


def _line(run: "Run", zone: "ZoneInfo") -> tuple[str, ...]:
    from closedloop.status import shown

    took = (run.finished - run.started).total_seconds()
    return (
        run.run_id,
        shown(run.started, zone),
        f"{took:,.1f} s",
        str(run.exit_code),
        _headline(run),
    )


def _headline(run: "Run") -> str:
    from closedloop.core.report import from_json, headline

    kept = json.loads(run.report)
    if "error" in kept:
        return str(kept["error"])
    try:
        return headline(from_json(run.report)).removeprefix(f"{run.client} {run.job}: ")
    except ValueError:
        return "written by another version of closedloop"


def _zone(run: "Run", project: "Project") -> "ZoneInfo":
    """Return the zone of a run's client; UTC where the client is no longer in the settings."""
    from zoneinfo import ZoneInfo

    client = project.settings.clients.get(run.client)
    return client.zone if client else ZoneInfo("UTC")


def _row(run: "Run") -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "job": run.job,
        "client": run.client,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat(),
        "exit_code": run.exit_code,
    }
