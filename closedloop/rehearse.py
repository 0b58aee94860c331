"""What a check can find out before the first run, besides what the project's files say."""

import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from closedloop.core.answers import unanswerable
from closedloop.core.recipients import column_disagreements
from closedloop.credentials import environment
from closedloop.errors import ProjectError, WarehouseError
from closedloop.model.job import Selection, SendJob
from closedloop.model.table import Schema
from closedloop.project import Project
from closedloop.selection import database_path, selected
from closedloop.warehouse.base import Warehouse

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_questions(project: Project) -> list[str]:
    """Return what is still to be done or could not be checked here.

    Raises `ProjectError` where a selection does not yield exactly the columns of its schema, the warehouse can't
    hold the schemas, or a host key is none.
    """
    project.blocklist()
    questions = [
        *_unread(project.root),
        *_open_to_others(project),
        *(question for name in project.settings.clients for question in _client(name, project)),
        *_mail(project),
    ]
    problems = [
        *_unstorable(project),
        *(
            sentence
            for name in project.settings.clients
            for sentence in _no_host_keys(name, project)
        ),
    ]
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


def _mail(project: Project) -> list[str]:
    """Return which files and passwords of [mail] are still to come."""
    mail, where = project.settings.mail, "closedloop.toml: mail"
    if mail is None:
        return []
    questions = [
        f"{where}.{key}: '{name}' is not there yet"
        for key, name in (("ca", mail.ca), ("password_file", mail.password_file))
        if name and not (project.root / name).is_file()
    ]
    if mail.password_env and not environment().get(mail.password_env):
        questions.append(
            f"{where}.password_env: {mail.password_env} is not set here; cron and systemd must set it"
        )
    return questions


def _no_host_keys(name: str, project: Project) -> list[str]:
    """Return what is wrong with the host keys, but for those that are still to come."""
    from closedloop.remote.access import Access

    client, root = project.client(name), project.root
    known = (
        client.known_hosts if client.known_hosts and (root / client.known_hosts).is_file() else None
    )
    keys = tuple(key for key in client.host_keys if "..." not in key)
    there = client.model_copy(update={"host_keys": keys, "known_hosts": known})
    try:
        Access(there, root, lambda _: None, name).pins()
    except ProjectError as error:
        return [str(error)]
    return []


def _unread(root: Path) -> Iterator[str]:
    """Name the files in jobs/ and schemas/ that look as if they counted."""
    for path in sorted([*(root / "jobs").glob("*"), *(root / "schemas").glob("*")]):
        if path.suffix != ".toml" and not path.name.startswith("."):
            shown = f"{path.parent.name}/{path.name}"
            yield f"{shown} is not read, for its name does not end in .toml; rename it, or move it away"


def _open_to_others(project: Project) -> Iterator[str]:
    """Name what only the owner should read, and others can."""
    clients, mail = project.settings.clients.values(), project.settings.mail
    secret = ["closedloop.toml", *(client.key for client in clients if client.key)]
    secret += [mail.password_file] if mail and mail.password_file else []
    database = database_path(project.settings.warehouse.url, project.root)
    paths = [project.state, database, *(project.root / name for name in dict.fromkeys(secret))]
    for path in paths:
        mode = path.stat().st_mode if path.exists() else 0
        if mode & OTHERS:
            shown = path.relative_to(project.root) if path.is_relative_to(project.root) else path
            yield f"{shown} can be read by others on this machine: chmod go= {shown}"


def _unstorable(project: Project) -> list[str]:
    """Return what keeps the schemas out of a warehouse, tried on one that is thrown away."""
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    with TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        with DuckDBWarehouse(path, 0, project.settings.suppression) as thrown_away:
            try:
                thrown_away.prepare(project.responses())
            except (ProjectError, WarehouseError) as error:
                own_words = str(error).replace(f" {path}", "")
                if of_one_file := re.fullmatch(r"schema '(\w+)': (.*)", own_words, re.DOTALL):
                    return [f"schemas/{of_one_file[1]}.toml: {of_one_file[2]}"]
                return unanswerable(project.schemas) or [f"schemas/: {own_words}"]
    return []


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
