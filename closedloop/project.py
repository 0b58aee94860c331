"""A project: closedloop.toml, jobs/ and schemas/, read and held against each other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from closedloop.core.crosscheck import disagreements
from closedloop.core.nearest import nearest
from closedloop.errors import ProjectError
from closedloop.model.job import RESPONSE_SCHEMAS, PullJob, SendJob
from closedloop.model.settings import Client, Settings
from closedloop.model.table import Schema
from closedloop.toml import dotted_header, read_toml, unread, validated

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Project:
    """One installation: where it lies, its settings, its jobs and schemas by name."""

    root: Path
    settings: Settings
    jobs: dict[str, SendJob | PullJob]
    schemas: dict[str, Schema]

    @property
    def state(self) -> Path:
        """The folder that holds what this side knows and keeps."""
        return self.root / self.settings.paths.state

    def job(self, name: str) -> SendJob | PullJob:
        """Return a job; `ProjectError` names the nearest if there is none of this name."""
        if name not in self.jobs:
            raise ProjectError(f"there is no job called '{name}'{nearest(name, self.jobs)}")
        return self.jobs[name]

    def client(self, name: str) -> Client:
        """Return the settings of a client that a job names."""
        return self.settings.clients[name]

    def incoming(self, job: PullJob) -> dict[str, Schema]:
        """Return the schemas that a pull loads, with the client's own file name patterns."""
        own = self.client(job.client).files
        return {
            name: self.schemas[name].model_copy(
                update={"file": own.get(name, self.schemas[name].file)}
            )
            for name in job.schemas
        }

    def outgoing(self, client: str, schema: str) -> Schema:
        """Return the schema of a file that is written, with the client's own file name pattern."""
        found = self.schemas[schema]
        return found.model_copy(update={"file": self.client(client).files.get(schema, found.file)})

    def blocklist(self) -> list[str]:
        """Return the patterns of the blocklist file: one a line, `*` stands for anything, `#` begins a comment."""
        name = self.settings.suppression.blocklist
        if name is None:
            return []
        try:
            text = (self.root / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(
                f"closedloop.toml: key 'suppression.blocklist': '{name}' can't be read: {unread(error)}"
            ) from None
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [line for line in lines if line]

    def responses(self) -> list[Schema]:
        """Return the schemas of the warehouse's tables: the eight of a delivery, and what else some job pulls.

        Those of the eight that nobody pulls have tables too, for the views read all of them.
        """
        pulls = [job for job in self.jobs.values() if isinstance(job, PullJob)]
        names = {name for job in pulls for name in job.schemas}
        names |= {name for name in RESPONSE_SCHEMAS if name in self.schemas}
        return [self.schemas[name] for name in sorted(names)]


def load_project(root: Path) -> Project:
    """Read and check the project in `root`.

    Raises `ProjectError` with every sentence there is to say about wrong files, one a line.
    """
    if not (root / "closedloop.toml").is_file():
        raise ProjectError(
            f"closedloop.toml: there is none in {root}; 'closedloop init' makes a project, "
            "'closedloop --project DIR' names another folder"
        )
    problems: list[str] = []
    settings = _collected(problems, partial(_settings, root))
    jobs = _folder(problems, root / "jobs", _job)
    schemas = _folder(problems, root / "schemas", _schema)
    if settings is None or problems:
        raise ProjectError("\n".join(problems))
    if problems := disagreements(settings, jobs, schemas):
        raise ProjectError("\n".join(problems))
    return Project(root, settings, jobs, schemas)


def _settings(root: Path) -> Settings:
    return validated(
        Settings, read_toml(root / "closedloop.toml", "closedloop.toml"), "closedloop.toml"
    )


def _collected(problems: list[str], read: Callable[[], Kind]) -> Kind | None:
    try:
        return read()
    except ProjectError as error:
        problems.append(str(error))
        return None


def _folder(
    problems: list[str], folder: Path, read: Callable[[Path, str], Kind]
) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    paths = sorted(folder.glob("*.toml"))
    for path in paths:
        value = _collected(problems, partial(read, path, f"{folder.name}/{path.name}"))
        if value is not None:
            found[path.stem] = value
    if not paths:
        problems.append(
            f"{folder.name}/: there is no .toml file in {folder}; 'closedloop init' writes the first ones"
        )
    return found


def _job(path: Path, shown: str) -> SendJob | PullJob:
    given = read_toml(path, shown)
    kinds: dict[str, type[SendJob | PullJob]] = {"send": SendJob, "pull": PullJob}
    kind = given.get("kind")
    if kind is None:
        raise ProjectError(f"{shown}: key 'kind' is missing: 'send' or 'pull'")
    if not isinstance(kind, str) or kind not in kinds:
        raise ProjectError(f"{shown}: key 'kind': '{kind}' is not known{nearest(str(kind), kinds)}")
    if "name" in given:
        raise ProjectError(
            f"{shown}: unknown key 'name'; a job is called as its file, '{path.stem}'"
        )
    return validated(kinds[kind], {"name": path.stem, **given}, shown)


def _schema(path: Path, shown: str) -> Schema:
    given = read_toml(path, shown)
    sections = ("table", "columns")
    if odd := [key for key in given if key not in sections]:
        raise ProjectError(f"{shown}: unknown key '{odd[0]}'{nearest(odd[0], sections)}")
    if not isinstance(given.get("table"), dict):
        raise ProjectError(f"{shown}: there is no section [table], with 'name' and 'file'")
    columns = given.get("columns")
    if isinstance(columns, dict) and (header := dotted_header(columns)):
        raise ProjectError(
            f"{shown}: key 'columns.{header}': a header with a dot needs quotes, as in \"{header}\" = {{ name = ... }}"
        )
    schema = validated(Schema, given, shown)
    if schema.name != path.stem:
        raise ProjectError(
            f"{shown}: key 'table.name' is '{schema.name}', the file's own name says '{path.stem}': make them equal"
        )
    return schema
