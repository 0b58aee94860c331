"""A TOML file read into a model, or sentences that say what is wrong with it."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from closedloop.core.nearest import nearest
from closedloop.errors import ProjectError
from closedloop.model.table import Schema

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, shown: str) -> dict[str, Any]:
    """Return what a TOML file holds; `ProjectError` if it can't be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ProjectError(f"{shown}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{shown}: can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{shown}: not valid TOML: {error}") from error


def validated(model: type[Model], given: dict[str, Any], shown: str) -> Model:
    """Return `given` as a model.

    Raises `ProjectError` with one sentence a line: file, key, what is wrong, and the nearest right word.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        sentences = [f"{shown}: {_sentence(model, detail)}" for detail in error.errors()]
        raise ProjectError("\n".join(sentences)) from None


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = [str(part) for part in detail["loc"]]
    key = _shown_key(model, location)
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(location[-1], _keys_beside(model, location))}"
    if detail["type"] == "missing":
        return f"key '{key}' is missing"
    if detail["type"] == "literal_error":
        words = [
            word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
        return (
            f"key '{key}': '{detail['input']}' is not known{nearest(str(detail['input']), words)}"
        )
    if detail["type"] == "string_pattern_mismatch":
        return (
            f"key '{key}': '{detail['input']}' does not fit the pattern {detail['ctx']['pattern']}"
        )
    message = detail["msg"].removeprefix("Value error, ")
    return f"key '{key}': {message}" if key else message


def _shown_key(model: type[BaseModel], location: list[str]) -> str:
    """Name a key as the file has it: a schema's own keys stand in [table]."""
    if model is Schema and location and location[0] not in ("columns", "table"):
        location = ["table", *location]
    return ".".join(location)


def _keys_beside(model: type[BaseModel], location: list[str]) -> set[str]:
    """Return the keys that are known where an unknown one was found."""
    here: type[BaseModel] | None = model
    for part in location[:-1]:
        here = _model_at(here, part)
    fields = here.model_fields if here else {}
    return {field.alias or name for name, field in fields.items()}


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
