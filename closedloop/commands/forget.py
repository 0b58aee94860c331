"""The command forget."""

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from closedloop.cli import Setting
from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from closedloop.flows.forget import Forgetting, Holdings
    from closedloop.project import Project
    from closedloop.state import StateFolder


@click.command()
@click.argument("recipients", metavar="ADDRESS...", nargs=-1, required=True)
@click.option(
    "--client", "only", metavar="CLIENT", help="Forget them for this client alone, not for all."
)
@click.option("--dry-run", is_flag=True, help="Count what would be taken away; nothing is changed.")
@click.pass_obj
def forget(setting: Setting, recipients: tuple[str, ...], only: str | None, *, dry_run: bool) -> int:  # fmt: skip
    """Forget people: their addresses are taken out of everything that closedloop keeps, and they are never mailed again.

    Of each a keyed hash is kept on the suppression list. Rows in the warehouse stay without their names, so that no
    figure changes; what was rejected of them is emptied, their lines leave the copies of sent files. ADDRESS may be a customer
    number where recipients have one. With - the addresses are read from the input, one a line: so they stay out of
    the shell's history.

    The platform and your own customer database must be told on their own.

    \b
    closedloop forget - --dry-run          what would be taken away
    closedloop forget - < addresses.txt    and forget them
    """
    from closedloop.console import show_table
    from closedloop.core.people import People
    from closedloop.flows.forget import forget as forget_them

    project = setting.project()
    people = People(_given(recipients))
    if not people.folded:
        raise ProjectError("forget: no address was given; nothing was done")
    with _holdings(project, _clients(project, only), only) as holdings:
        done = forget_them(people, holdings, dry_run=dry_run)
    click.echo(_come_of(done, len(people.folded), dry_run=dry_run))
    if found := +done.records:
        show_table(("place", "records"), [(place, f"{n:,}") for place, n in found.items()])
    return _say_what_is_left(done)


def _come_of(done: "Forgetting", count: int, *, dry_run: bool) -> str:
    """Say in a sentence what came of it; where nobody was found, a wrong letter must not look like success."""
    who = f"{count} recipient{'s' * (count != 1)}"
    if not (+done.records or done.left or done.troubles):
        listed = "would be put" if dry_run else "put"
        return (
            f"nothing that is kept here names any of them: {who} {listed} on the suppression list, and nothing else to do. If "
            "they were mailed from here, or heard of, they are spelt otherwise: give the command again with the right spelling"
        )
    return f"{who} would be forgotten" if dry_run else f"{who} forgotten"


def _given(recipients: tuple[str, ...]) -> list[str]:
    """Return the recipients, of which `-` stands for those in the input."""
    given = [each for each in recipients if each != "-"]
    return [*given, *sys.stdin.read().splitlines()] if "-" in recipients else given


def _clients(project: "Project", only: str | None) -> list[str]:
    from closedloop.core.nearest import nearest

    clients = project.settings.clients
    if only is not None and only not in clients:
        raise ProjectError(f"there is no client called '{only}'{nearest(only, clients)}")
    return [only] if only else [*clients]


@contextmanager
def _holdings(project: "Project", clients: list[str], only: str | None) -> "Iterator[Holdings]":
    """Give all that is held of these clients, while none of their jobs runs."""
    from closedloop.edges import warehouse
    from closedloop.flows.forget import Holdings
    from closedloop.forgotten import EVERY_CLIENT, ForgottenList
    from closedloop.ledger import Ledger
    from closedloop.locks import Patience, held
    from closedloop.state import StateFolder

    state = StateFolder(project.state)
    state.refuse_if_gone()
    patience = Patience(project.settings.warehouse.lock_wait_seconds)
    with ExitStack() as stack:
        for path, rival in _locks(state, clients):
            stack.enter_context(held(path, "forget", rival, patience))
        yield Holdings(
            layouts={
                client: [project.outgoing(client, name) for name in project.schemas]
                for client in clients
            },
            scopes=[only] if only else [EVERY_CLIENT],
            responses=project.responses(),
            state=state,
            ledger=stack.enter_context(Ledger(state.ledger)),
            warehouse=stack.enter_context(warehouse(project)),
            forgotten=ForgottenList(state.root),
        )


def _locks(state: "StateFolder", clients: list[str]) -> "Iterator[tuple[Path, str]]":
    """Yield the locks that keep every job of these clients waiting, and who may hold them."""
    yield state.lock("forget"), "another forget"
    for client in clients:
        for kind in ("send", "pull"):
            yield state.client_lock(client, kind), f"a {kind} job of the client '{client}'"


def _say_what_is_left(done: "Forgetting") -> int:
    for table, rows in done.left.items():
        click.echo(
            f"your own table '{table}' in the warehouse names them in {rows:,} row{'s' * (rows != 1)}: it is yours, and "
            "stays as it is; a table that a row is deleted from keeps it on the disk until the next forget"
        )
    for trouble in done.troubles:
        click.echo(f"closedloop: forget: {trouble}", err=True)
    return int(bool(done.troubles))
