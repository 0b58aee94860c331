"""The base of everything that is read from a project file."""

import sys
from types import ModuleType

from pydantic import BaseModel, ConfigDict


def _without_plugins() -> None:
    """Keep pydantic from reading the entry points of every installed package, in search of plugins: no model is for them."""
    loader = ModuleType("pydantic.plugin._loader")
    vars(loader)["get_plugins"] = tuple
    sys.modules.setdefault(loader.__name__, loader)


_without_plugins()


class Strict(BaseModel):
    """A frozen value that refuses keys it does not know."""

    # Built when first used: a class that is only a part of others, or not used in a run, costs nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
