"""A TOML file read into a model, or sentences that say what is wrong with it."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from closedloop.core.nearest import nearest
from closedloop.errors import ProjectError
from closedloop.model.job import PullJob, SendJob
from closedloop.model.table import Column, Schema

Model = TypeVar("Model", bound=BaseModel)

BARE = re.compile("[A-Za-z0-9_-]+")
"""A key that TOML takes without quotes."""

WORDS = re.compile(r"'((?:[^'\\]|\\.)*)'")
"""One of the words in pydantic's list of those that are allowed."""

KINDS = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "bool_": "must be true or false",
    "string_type": 'must be a text in "quotes"',
    "tuple_": 'must be a list, as in ["one", "another"]',
    "dict_": "must be a table, as in { key = ... }",
    "model_": "must be a table, as in { key = ... }",
}
"""What pydantic's kinds of errors want, by how their names begin."""

PATTERNS = {
    "name": "lower-case letters, digits and _ only, beginning with a letter",
    "references": "'schema.column', as in 'links.link_id'",
    "password_credential": "letters, digits and _.- only",
    "expected_by": "a time of day, as in '12:00'",
}
"""What the keys that are held to a pattern want."""

MEANT = {
    "text|(var)?char.*|str": 'type = "string", with max_length where it has a longest',
    "(big|small)?int(eger)?|long|number": 'type = "int64"',
    "date|datetime|timestamp.*": 'type = "timestamp"',
    "bool(ean)?": 'type = "enum" with its values',
    "float|double|decimal|numeric.*": 'type = "string"',
    "tab": r'"\t"',
    "semicolon": '";"',
    "comma": '","',
    "pipe": '"|"',
}
"""Words that other programs use, and what they are here."""

IMPLIED: dict[type[BaseModel], set[str]] = {
    SendJob: {"name"},
    PullJob: {"name"},
    Column: {"header"},
    Schema: {"columns"},
}
"""Fields that no key gives: the file's own name, a column's own key."""


def read_toml(path: Path, shown: str) -> dict[str, Any]:
    """Return what a TOML file holds; `ProjectError` if it can't be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ProjectError(f"{shown}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{shown}: can't be read: {unread(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{shown}: not valid TOML: {error}") from error


def unread(error: OSError | UnicodeDecodeError) -> str:
    """Say why a text file can't be read."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8; save it as such"
    return error.strerror or str(error)


def validated(model: type[Model], given: dict[str, Any], shown: str) -> Model:
    """Return `given` as a model.

    Raises `ProjectError` with one sentence a line: file, key, what is wrong, and the nearest right word.
    """
    try:
        # Strict: "22" is no port and "yes" no truth. A list of TOML is what a model holds as a tuple.
        return model.model_validate(_with_tuples(given), strict=True)
    except ValidationError as error:
        sentences = [f"{shown}: {_sentence(model, detail)}" for detail in error.errors()]
        raise ProjectError("\n".join(sentences)) from None


def complaint(model: type[BaseModel], key: str, value: Any) -> str | None:
    """Say what is wrong with one key's value, whatever the others are; None if nothing is."""
    try:
        model.model_validate({key: _with_tuples(value)}, strict=True)
    except ValidationError as error:
        found = (detail for detail in error.errors() if detail["loc"][:1] == (key,))
        return next(map(_complaint, found), None)
    return None


def dotted_header(columns: dict[str, Any]) -> str | None:
    """Return a header that TOML took apart at its dots, as one text; None if there is none."""
    return next((".".join(path) for path in _deeper(columns) if path[1:]), None)


def _deeper(columns: dict[str, Any]) -> Iterator[list[str]]:
    for key, column in columns.items():
        if (
            isinstance(column, dict)
            and column
            and all(isinstance(c, dict) for c in column.values())
        ):
            yield from ([key, *path] for path in _deeper(column))
        else:
            yield [key]


def _with_tuples(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: _with_tuples(value) for key, value in given.items()}
    return tuple(map(_with_tuples, given)) if isinstance(given, list) else given


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = [str(part) for part in detail["loc"]]
    key = _shown_key(model, location)
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(location[-1], _keys_beside(model, location))}"
    if detail["type"] == "missing":
        return f"key '{key}' is missing"
    return f"key '{key}': {_complaint(detail)}" if key else _complaint(detail)


def _complaint(detail: ErrorDetails) -> str:
    """Say what is wrong with a value."""
    kind, given = detail["type"], detail["input"]
    if kind == "literal_error":
        words = [
            word.encode().decode("unicode_escape")
            for word in WORDS.findall(detail["ctx"]["expected"])
        ]
        return f"{_as_toml(given)} is not known{_meant(given) or nearest(str(given), words)}"
    if kind == "string_pattern_mismatch":
        return f"'{given}' must be {PATTERNS[str(detail['loc'][-1])]}"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    wanted = next((words for start, words in KINDS.items() if kind.startswith(start)), None)
    if wanted == "must not be empty":
        return wanted
    if kind == "string_type" and detail["loc"][-1] in PATTERNS:
        wanted = f"{wanted}: {PATTERNS[str(detail['loc'][-1])]}"
    return f"{wanted or detail['msg'].replace('Input should be', 'must be')}, not {_as_toml(given)}"


def _as_toml(value: Any) -> str:
    """Return a value as a file has it; of a list or a table only what it is."""
    if isinstance(value, dict | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _meant(given: Any) -> str:
    hints = (hint for words, hint in MEANT.items() if re.fullmatch(words, str(given).lower()))
    return next((f"; write {hint}" for hint in hints), "")


def _shown_key(model: type[BaseModel], location: list[str]) -> str:
    """Name a key as the file has it: a schema's own keys stand in [table]."""
    if model is Schema and location and location[0] not in ("columns", "table"):
        location = ["table", *location]
    return ".".join(part if BARE.fullmatch(part) else f'"{part}"' for part in location)


def _keys_beside(model: type[BaseModel], location: list[str]) -> set[str]:
    """Return the keys that are known where an unknown one was found."""
    here: type[BaseModel] | None = model
    for part in location[:-1]:
        here = _model_at(here, part)
    fields = here.model_fields if here else {}
    keys = {field.alias or name for name, field in fields.items()}
    return keys - IMPLIED.get(here, set()) if here else keys


def _model_at(model: type[BaseModel] | None, part: str) -> type[BaseModel] | None:
    """Step from a model to the one under a key; a mapping's own keys lead to its values' model."""
    if model is None:
        return None
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            return _model_in(field.annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside `dict[str, Model]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
