"""The base of everything that is read from a project file."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen value that refuses keys it does not know."""

    # Built when first used: a class that is only a part of others, or not used in a run, costs nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
