"""The JSON Schemas of the project files, for editors: what completes, explains and underlines while you type."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema as core

from closedloop.errors import ProjectError
from closedloop.model.job import PullJob, SendJob
from closedloop.model.settings import Settings
from closedloop.model.table import Schema
from closedloop.toml import IMPLIED

FOLDER = ".schemas"
"""Where a project has them."""

# One for each kind of job: of a choice between the two an editor could only say that neither fits.
KINDS: dict[str, tuple[type[BaseModel], str]] = {
    "closedloop": (Settings, "closedloop.toml: the settings of one installation"),
    "send": (SendJob, "A job of kind send, in jobs/: who is mailed what, and when"),
    "pull": (PullJob, "A job of kind pull, in jobs/: which response files are fetched, and when"),
    "schema": (Schema, "A schema, in schemas/: the columns of one CSV"),
}
"""What each kind of project file is read as, and its title."""


class _ForEditors(GenerateJsonSchema):
    """What a file may hold, in the words of the newest draft that editors of TOML know."""

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 pydantic's signature
        return False

    def nullable_schema(self, schema: core.NullableSchema) -> JsonSchemaValue:
        # TOML has no null.
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if schema.get("default") is None or isinstance(schema["default"], BaseModel):
            found.pop("default", None)
        return found

    def model_schema(self, schema: core.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        for words in ("title", "description"):
            # Of the class, for programmers; the fields have their own.
            found.pop(words, None)
        for name in IMPLIED.get(schema["cls"], set()) - {"columns"}:
            del found["properties"][name]
            found["required"].remove(name)
        return _in_sections(found) if schema["cls"] is Schema else found


def json_schemas() -> dict[str, JsonSchemaValue]:
    """Return the JSON Schemas, by kind of project file: of closedloop.toml, a send job, a pull job, a schema."""
    return {name: _exported(kind, title) for name, (kind, title) in KINDS.items()}


def write_json_schemas(folder: Path) -> list[Path]:
    """Write the JSON Schemas into a folder, over older ones, and return their files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            _written(folder / f"{name}.json", as_text(schema))
            for name, schema in json_schemas().items()
        ]
    except OSError as error:
        raise ProjectError(
            f"{folder}: the JSON Schemas can't be written: {error.strerror or error}"
        ) from error


def as_text(value: Any) -> str:
    """Return JSON as a file holds it."""
    return f"{json.dumps(value, indent=1, ensure_ascii=False)}\n"


def _exported(kind: type[BaseModel], title: str) -> JsonSchemaValue:
    found = kind.model_json_schema(schema_generator=_ForEditors)
    shapes = found.pop("$defs", {})
    plain: JsonSchemaValue = _inlined(found, shapes)
    return {"$schema": _ForEditors.schema_dialect, "title": title, **plain}


def _inlined(node: Any, shapes: dict[str, Any]) -> Any:
    """Return a node with no references: some editors pass over the words beside one."""
    if isinstance(node, list):
        return [_inlined(each, shapes) for each in node]
    if not isinstance(node, dict):
        return node
    here = {key: _inlined(value, shapes) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return here
    return {**_inlined(shapes[node["$ref"].rpartition("/")[2]], shapes), **here}


def _in_sections(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return a schema as its file has it: its own keys in [table], beside [columns]."""
    columns = schema["properties"].pop("columns")
    schema["required"].remove("columns")
    table = {**schema, "description": "The file: its name, and how it is written."}
    return {
        "type": "object",
        "properties": {"table": table, "columns": columns},
        "required": ["table", "columns"],
        "additionalProperties": False,
    }


def _written(path: Path, text: str) -> Path:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    return part.replace(path)
