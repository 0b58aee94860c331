"""Secrets: from the environment, or from systemd's credentials by the same names."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def environment(own: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """Return the environment, and beside it the credentials that systemd loaded for this process.

    A variable that is set goes before a credential of its name. One that can't be read is not there.
    """
    folder = own.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return own
    loaded: dict[str, str] = {}
    with suppress(OSError):
        for path in Path(folder).iterdir():
            with suppress(OSError, UnicodeDecodeError):
                loaded[path.name] = path.read_text(encoding="utf-8").rstrip("\r\n")
    return {**loaded, **own}
