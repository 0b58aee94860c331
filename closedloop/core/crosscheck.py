"""Whether the files of a project fit each other."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import combinations

from closedloop.core.nearest import nearest
from closedloop.core.rules import rules_of
from closedloop.core.slots import schedule_error
from closedloop.errors import ProjectError
from closedloop.model.filename import Pattern
from closedloop.model.job import PullJob, SendJob
from closedloop.model.settings import Client, Settings
from closedloop.model.table import Schema

NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")
NAME_RULE = "names of jobs and clients hold letters, digits, _ and - only, since folders and files are called so"
SOME_SECOND = datetime.fromisoformat("2021-01-01T12:07:55")
SOURCES = ("duckdb:///", "postgresql://", "postgres://")

Jobs = Mapping[str, SendJob | PullJob]
Schemas = Mapping[str, Schema]


def disagreements(settings: Settings, jobs: Jobs, schemas: Schemas) -> list[str]:
    """Return a sentence for everything in one file that does not fit another; empty when all is well."""
    return [
        *_warehouse(settings),
        *_health(settings, jobs),
        *(sentence for schema in schemas.values() for sentence in _schema(schema, schemas)),
        *(
            sentence
            for name, job in jobs.items()
            for sentence in _job(name, job, settings, schemas)
        ),
        *(s for name, client in settings.clients.items() for s in _client(name, client, schemas)),
    ]


def pattern_error(pattern: str) -> str | None:
    """Say what is wrong with a file name pattern, or None."""
    try:
        Pattern(pattern)
    except ValueError as error:
        return str(error)
    return None


def _warehouse(settings: Settings) -> Iterator[str]:
    url = settings.warehouse.url
    scheme, _, path = url.partition(":")
    where = "closedloop.toml: key 'warehouse.url':"
    if scheme != "duckdb":
        yield f"{where} '{scheme}' is no warehouse; write duckdb:///var/warehouse.duckdb"
    elif not re.fullmatch("///.*[^/]", path):
        yield f"{where} '{url}' names no file; write it with three slashes, as in duckdb:///var/warehouse.duckdb"


def _health(settings: Settings, jobs: Jobs) -> Iterator[str]:
    for name in settings.health:
        if name not in jobs:
            yield f"closedloop.toml: key 'health.{name}': there is no job of this name{nearest(name, jobs)}"


def _schema(schema: Schema, schemas: Schemas) -> Iterator[str]:
    where = f"schemas/{schema.name}.toml"
    if error := pattern_error(schema.file):
        yield f"{where}: key 'table.file': {error}"
    try:
        # A rule reads stored columns, so both are asked at once.
        rules_of(schema)
    except ProjectError as error:
        own_words = str(error).removeprefix(f"schema '{schema.name}': ")
        yield f"{where}: {own_words}"
    for header, column in schema.columns.items():
        if column.references:
            yield from _reference(f"{where}: column '{header}'", column.references, schemas)


def _reference(where: str, references: str, schemas: Schemas) -> Iterator[str]:
    table, name = references.split(".")
    if table not in schemas:
        yield f"{where} refers to '{table}', which is no schema{nearest(table, schemas)}"
        return
    names = [column.name for column in schemas[table].columns.values()]
    if name not in names:
        yield f"{where} refers to '{references}', but {table} has no such column{nearest(name, names)}"


def _job(name: str, job: SendJob | PullJob, settings: Settings, schemas: Schemas) -> Iterator[str]:
    where = f"jobs/{name}.toml"
    if job.client not in settings.clients:
        known = settings.clients
        yield f"{where}: key 'client': closedloop.toml has no client '{job.client}'{nearest(job.client, known)}"
    if not NAME.fullmatch(name):
        yield f"{where}: call the file otherwise: {NAME_RULE}"
    if job.schedule is not None and (error := schedule_error(job.schedule)):
        yield f"{where}: key 'schedule': '{job.schedule}' is no cron schedule: {error}"
    wanted = job.schemas if isinstance(job, PullJob) else _outgoing_names(job)
    for schema in wanted:
        if schema not in schemas:
            yield f"{where}: no schema is called '{schema}'{nearest(schema, schemas)}"
    known_schemas = [schemas[schema] for schema in wanted if schema in schemas]
    if isinstance(job, PullJob):
        yield from _incoming(where, job, settings, known_schemas)
    else:
        yield from _outgoing(where, job, known_schemas)
        yield from _names(where, job, settings, known_schemas)
        yield from _sources(where, job)


def _outgoing_names(job: SendJob) -> list[str]:
    return [job.schema_name, *([job.product_data.schema_name] if job.product_data else [])]


def _outgoing(where: str, job: SendJob, schemas: list[Schema]) -> Iterator[str]:
    for schema in schemas:
        if schema.header == "auto":
            yield f"{where}: schema '{schema.name}' is written, so its header must be 'none' or 'required'"
        if schema.name != job.schema_name:
            continue
        columns = schema.columns.values()
        if sum(column.type == "email" for column in columns) != 1:
            yield f"{where}: schema '{schema.name}' needs exactly one column of type 'email', the recipient"
        if not any(column.filled == "source_mailing" for column in columns):
            yield f"{where}: schema '{schema.name}' needs a column with filled = \"source_mailing\""


def _names(where: str, job: SendJob, settings: Settings, schemas: list[Schema]) -> Iterator[str]:
    """Check the names of written files: no two waves, and no two files of one wave, may share one."""
    sound = _patterns(job, settings, schemas)
    for name, pattern in sound.items():
        if pattern.match(pattern.name(SOME_SECOND)) != SOME_SECOND:
            yield f"{where}: the files of '{name}' need a name that tells the second, as in '{{date:%Y%m%d%H%M%S}}_{name}.csv'"
    yield from _alike(where, sound)


def _sources(where: str, job: SendJob) -> Iterator[str]:
    given = {
        "selection": job.selection,
        "test_recipients": job.test_recipients,
        "product_data": job.product_data,
    }
    for key, selection in given.items():
        if selection and not _is_source(selection.source):
            # What stands behind the scheme may be a password.
            yield (
                f"{where}: key '{key}.from': '{selection.source.partition(':')[0]}' is no source; "
                "write 'warehouse', 'duckdb:///path' or 'postgresql://user@host/database'"
            )


def _is_source(source: str) -> bool:
    return source == "warehouse" or source.startswith(SOURCES)


def _incoming(where: str, job: PullJob, settings: Settings, schemas: list[Schema]) -> Iterator[str]:
    yield from _alike(where, _patterns(job, settings, schemas))
    for schema in schemas:
        if any(column.filled for column in schema.columns.values()):
            yield f"{where}: schema '{schema.name}' has filled columns, so it is written, not pulled"


def _patterns(
    job: SendJob | PullJob, settings: Settings, schemas: list[Schema]
) -> dict[str, Pattern]:
    """Return the file name patterns that are sound, the client's own before the schema's."""
    own = settings.clients[job.client].files if job.client in settings.clients else {}
    texts = {schema.name: own.get(schema.name, schema.file) for schema in schemas}
    return {name: Pattern(text) for name, text in texts.items() if not pattern_error(text)}


def _alike(where: str, patterns: Mapping[str, Pattern]) -> Iterator[str]:
    for (name, pattern), (other, also) in combinations(patterns.items(), 2):
        if also.match(pattern.sample()) or pattern.match(also.sample()):
            yield f"{where}: a file of '{name}' can't be told from one of '{other}': make 'table.file' distinct"


def _client(name: str, client: Client, schemas: Schemas) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield f"closedloop.toml: key 'clients.{name}': call the client otherwise: {NAME_RULE}"
    for schema, pattern in client.files.items():
        where = f"closedloop.toml: key 'clients.{name}.files.{schema}'"
        if schema not in schemas:
            yield f"{where}: no schema is called '{schema}'{nearest(schema, schemas)}"
        elif error := pattern_error(pattern):
            yield f"{where}: {error}"
