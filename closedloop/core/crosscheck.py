"""Whether the files of a project fit each other."""

from collections.abc import Iterator, Mapping

from closedloop.core.nearest import nearest
from closedloop.core.rules import RULES
from closedloop.core.slots import schedule_error
from closedloop.model.filename import Pattern
from closedloop.model.job import PullJob, SendJob
from closedloop.model.settings import Client, Settings
from closedloop.model.table import Schema

Jobs = Mapping[str, SendJob | PullJob]
Schemas = Mapping[str, Schema]


def disagreements(settings: Settings, jobs: Jobs, schemas: Schemas) -> list[str]:
    """Return a sentence for everything in one file that does not fit another; empty when all is well."""
    return [
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


def _schema(schema: Schema, schemas: Schemas) -> Iterator[str]:
    where = f"schemas/{schema.name}.toml"
    if error := pattern_error(schema.file):
        yield f"{where}: key 'table.file': {error}"
    for rule in schema.rules:
        if rule not in RULES:
            yield f"{where}: key 'table.rules': no rule is called '{rule}'{nearest(rule, RULES)}"
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
    if job.schedule and (error := schedule_error(job.schedule)):
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


def _incoming(where: str, job: PullJob, settings: Settings, schemas: list[Schema]) -> Iterator[str]:
    own = settings.clients[job.client].files if job.client in settings.clients else {}
    patterns = {schema.name: own.get(schema.name, schema.file) for schema in schemas}
    sound = {name: Pattern(text) for name, text in patterns.items() if not pattern_error(text)}
    for name, pattern in sound.items():
        for other, also in sound.items():
            if other != name and also.match(pattern.sample()):
                yield f"{where}: a file of '{name}' would also be taken for one of '{other}': make 'table.file' distinct"
    for schema in schemas:
        if any(column.filled for column in schema.columns.values()):
            yield f"{where}: schema '{schema.name}' has filled columns, so it is written, not pulled"


def _client(name: str, client: Client, schemas: Schemas) -> Iterator[str]:
    for schema, pattern in client.files.items():
        where = f"closedloop.toml: key 'clients.{name}.files.{schema}'"
        if schema not in schemas:
            yield f"{where}: no schema is called '{schema}'{nearest(schema, schemas)}"
        elif error := pattern_error(pattern):
            yield f"{where}: {error}"
