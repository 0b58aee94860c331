"""The commands about rejected rows: quarantine list, show, replay."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.completion import offering, quarantined
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from closedloop.model.job import PullJob
    from closedloop.model.table import Schema
    from closedloop.project import Project
    from closedloop.quarantine import Quarantined

UNSEEN = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), 127, *range(128, 160))}
"""What a terminal might obey instead of showing it."""


@click.group()
def quarantine() -> None:
    """List, show and load again the rows that were rejected.

    \b
    closedloop quarantine list
    """


@quarantine.command("list")
@click.pass_obj
def list_(setting: Setting) -> None:
    """List the files with rejected rows: how many, and which rules they broke. Asks no warehouse and shows no row.

    \b
    closedloop quarantine list
    """
    from closedloop.console import show_table
    from closedloop.quarantine import rejected_rows

    loads = _loaded(setting)
    rows = []
    for found in _quarantined(setting):
        kept = rejected_rows(found.path)
        rules = ", ".join(dict.fromkeys(_why(row.column, row.rule) for row in kept))
        number = len({row.line for row in kept})
        rows.append((found.client, found.name, _state(found, loads), f"{number:,}", rules))
    if not rows:
        click.echo("nothing is in quarantine")
        return
    show_table(("client", "file", "the file is", "rows", "rules"), rows, prose="rules")


@quarantine.command()
@click.argument("file", shell_complete=offering(quarantined))
@click.pass_obj
def show(setting: Setting, file: str) -> None:
    """Show the rejected rows of FILE, a response file's name: line, column, rule and the text as delivered.

    The rows hold personal data; they are shown because you ask, here and nowhere else.

    \b
    closedloop quarantine show 20261120_clicks.csv
    closedloop quarantine show 20261120_clicks.csv | less
    """
    from closedloop.quarantine import rejected_rows

    for found in _chosen(setting, file):
        click.echo(f"{found.client} {found.name} ({_state(found, _loaded(setting))}), {found.path}")
        rows = rejected_rows(found.path)
        for line, raw in dict.fromkeys((row.line, row.raw) for row in rows):
            why = [_why(row.column, row.rule) for row in rows if (row.line, row.raw) == (line, raw)]
            click.echo(f"line {line}: {'; '.join(why)}")
            click.echo(f"  {raw.translate(UNSEEN)}")


@quarantine.command()
@click.argument("file", shell_complete=offering(quarantined))
@click.option(
    "--from",
    "corrected",
    type=click.Path(path_type=Path),
    help="A copy of the quarantine file with corrected texts, of all rows or of some.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be loaded; change nothing.")
@click.pass_obj
def replay(setting: Setting, file: str, corrected: Path | None, *, dry_run: bool) -> int:
    """Load the rejected rows of FILE, a response file's name, that are right by now.

    Copy the quarantine file (the report and `quarantine show` name it), correct the texts in its column `raw`, keep the
    line numbers, and give the copy with --from; or correct the file itself. After the schema was mended nothing needs to
    be corrected. What is right is loaded, once however often you repeat this; what is still wrong stays in quarantine. The file's
    other rows are not touched. Exit 1 if a row is still wrong.

    \b
    closedloop quarantine replay 20261120_clicks.csv --from corrected.csv --dry-run
    closedloop quarantine replay 20261120_clicks.csv --from corrected.csv
    closedloop quarantine replay 20261120_clicks.csv
    """
    from closedloop.edges import working
    from closedloop.flows import replay as flow

    chosen = _one_loaded(setting, file)
    if chosen is None:
        click.echo(f"{file}: none of its rows is in quarantine; nothing to do")
        return 0
    job, schema = _job_of(chosen, setting.project())
    with working(setting.project(), job, shown=sys.stderr.isatty()) as ports:
        if dry_run:
            done = flow.foresee(chosen, schema, corrected, ports)
        else:
            done = flow.replay(chosen, schema, corrected, ports, setting.now())
    verb = "would be loaded" if dry_run else "loaded"
    click.echo(f"{done.file}: {done.loaded:,} rows {verb}, {done.left:,} left in quarantine")
    for column, rule, rows in done.why:
        click.echo(f"  {rows:,}: {_why(column, rule)}")
    return int(done.left > 0)


def _why(column: str, rule: str) -> str:
    return f"column {column}: {rule}" if column else rule


def _quarantined(setting: Setting) -> "list[Quarantined]":
    from closedloop.quarantine import quarantined
    from closedloop.state import StateFolder

    state = StateFolder(setting.project().state)
    state.refuse_if_gone()
    return quarantined(state)


def _loaded(setting: Setting) -> set[tuple[str, str, str]]:
    """Return client, name and hash of every loaded file, from the ledger."""
    from closedloop.ledger import Ledger
    from closedloop.state import StateFolder

    project = setting.project()
    state = StateFolder(project.state)
    state.refuse_if_gone()
    with Ledger(state.ledger) as ledger:
        files = [load.file for client in project.settings.clients for load in ledger.files(client)]
    return {(file.client, file.name, file.sha256) for file in files}


def _state(found: "Quarantined", loads: set[tuple[str, str, str]]) -> str:
    """Say what became of the rest of the file."""
    hashes = [
        digest for client, name, digest in loads if (client, name) == (found.client, found.name)
    ]
    if any(digest.startswith(found.digest) for digest in hashes):
        return "loaded"
    return "replaced" if hashes else "refused"


def _chosen(setting: Setting, file: str) -> "list[Quarantined]":
    """Return what lies in quarantine of a file, given by its own name or by that of its quarantine file."""
    from closedloop.core.nearest import nearest

    every = _quarantined(setting)
    wanted = Path(file).name
    found = [each for each in every if wanted in (each.name, each.path.name)]
    found = [each for each in found if each.path == Path(file).absolute()] or found
    if found:
        return found
    raise ProjectError(
        f"none of the rows of '{file}' is in quarantine{nearest(file, [each.name for each in every])}; "
        "'closedloop quarantine list' names what is"
    )


def _one_loaded(setting: Setting, file: str) -> "Quarantined | None":
    """Return the rejected rows of the content that is loaded; None if all of a loaded file's rows are loaded."""
    loads = _loaded(setting)
    try:
        found = _chosen(setting, file)
    except ProjectError:
        if any(name == Path(file).name for _, name, _ in loads):
            return None
        raise
    there = [each for each in found if _state(each, loads) == "loaded"] or found
    if len({each.client for each in there}) > 1:
        paths = ", ".join(str(each.path) for each in there)
        raise ProjectError(f"'{file}' is in quarantine for several clients; name one of {paths}")
    return there[0]


def _job_of(chosen: "Quarantined", project: "Project") -> "tuple[PullJob, Schema]":
    """Return the pull job that loads such files, and their schema."""
    from closedloop.model.filename import Pattern
    from closedloop.model.job import PullJob

    for job in project.jobs.values():
        if not isinstance(job, PullJob) or job.client != chosen.client:
            continue
        for schema in project.incoming(job).values():
            if Pattern(schema.file).match(chosen.name):
                return job, schema
    raise ProjectError(
        f"{chosen.name}: no pull job of client '{chosen.client}' takes such a file in; nothing was done"
    )
