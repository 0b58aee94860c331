"""The settings of the log: how much is said on stderr, and in which form."""

from typing import Literal

from closedloop.model.strict import Strict

LogFormat = Literal["text", "json"]
LogLevel = Literal["error", "warning", "info"]


class LogSettings(Strict):
    """Lines of text or of JSON, and from which level on."""

    format: LogFormat = "text"
    level: LogLevel = "error"
