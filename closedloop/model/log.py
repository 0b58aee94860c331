"""The settings of the log: how much is said on stderr, and in which form."""

from typing import Literal

from pydantic import Field

from closedloop.model.strict import Strict

LogFormat = Literal["text", "json"]
LogLevel = Literal["error", "warning", "info"]


class LogSettings(Strict):
    """Lines of text or of JSON, and from which level on."""

    format: LogFormat = Field(
        default="text", description="Lines of text, or of JSON: an object a line."
    )
    level: LogLevel = Field(
        default="error",
        description="From where on something is said. `warning`: also what was tried again; `info`: also a line for each file and wave.",
    )
