"""What a check can find out before the first run, besides what the project's files say."""

from contextlib import suppress
from itertools import islice

from closedloop.core.recipients import column_disagreements
from closedloop.errors import ProjectError
from closedloop.model.job import Selection, SendJob
from closedloop.model.table import Schema
from closedloop.project import Project
from closedloop.selection import database_path, selected
from closedloop.warehouse.base import Warehouse


def open_questions(project: Project) -> list[str]:
    """Return what is still to be done or could not be checked here.

    Raises `ProjectError` where a selection does not yield exactly the columns of its schema.
    """
    project.blocklist()
    questions = [
        question for name in project.settings.clients for question in _client(name, project)
    ]
    problems: list[str] = []
    for job in project.jobs.values():
        if isinstance(job, SendJob):
            for key, selection, schema in _selections(job, project):
                problem, question = _columns(
                    f"jobs/{job.name}.toml: {key}", selection, schema, project
                )
                problems += problem
                questions += question
    if problems:
        raise ProjectError("\n".join(problems))
    return questions


def _client(name: str, project: Project) -> list[str]:
    client, where = project.client(name), f"closedloop.toml: clients.{name}"
    questions = []
    if client.key and not (project.root / client.key).is_file():
        questions.append(f"{where}.key: '{client.key}' is not there yet; put the private key there")
    if client.known_hosts and not (project.root / client.known_hosts).is_file():
        questions.append(f"{where}.known_hosts: '{client.known_hosts}' is not there yet")
    if any("..." in key for key in client.host_keys):
        questions.append(
            f"{where}.host_keys: still the example; write the key that the platform gave you"
        )
    return questions


def _selections(job: SendJob, project: Project) -> list[tuple[str, Selection, Schema]]:
    subscribers = project.schemas[job.schema_name]
    found = [("selection", job.selection, subscribers)]
    if job.test_recipients:
        found.append(("test_recipients", job.test_recipients, subscribers))
    if job.product_data:
        found.append(
            ("product_data", job.product_data, project.schemas[job.product_data.schema_name])
        )
    return found


def _columns(
    where: str, selection: Selection, schema: Schema, project: Project
) -> tuple[list[str], list[str]]:
    """Return what is wrong with a selection's columns, and what could not be seen from here."""
    if unseen := _unseen(selection, project):
        return [], [f"{where}: not checked: {unseen}"]
    try:
        yielded = _yielded(selection, project)
    except ProjectError as error:
        return [f"{where}: {str(error).removeprefix('selection: ')}"], []
    return [f"{where}: {sentence}" for sentence in column_disagreements(yielded, schema)], []


def _yielded(selection: Selection, project: Project) -> list[str]:
    """Return the columns that a selection yields, asking for no row where it can be asked so."""
    from closedloop.edges import warehouse

    with warehouse(project) as stored:
        if selection.sql:
            sql = f"select * from (\n{selection.sql.strip().rstrip(';')}\n) limit 0"
            # Not every query can stand inside another, one with a comment after its semicolon for example.
            with suppress(ProjectError):
                return _columns_of(selection.model_copy(update={"sql": sql}), project, stored)
        return _columns_of(selection, project, stored)


def _columns_of(selection: Selection, project: Project, stored: Warehouse) -> list[str]:
    return next(islice(selected(selection, project.root, stored), 1)).columns


def _unseen(selection: Selection, project: Project) -> str | None:
    if selection.file:
        return None
    url = project.settings.warehouse.url if selection.source == "warehouse" else selection.source
    if not url.startswith("duckdb:"):
        return "it is asked when the job runs"
    return (
        None if database_path(url, project.root).is_file() else f"there is no database at {url} yet"
    )
