"""The error files of a project: open ones in `errors/`, the others in `errors/resolved/`."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from closedloop.errors import Suspended
from closedloop.model.error_file import ErrorFile
from closedloop.state import StateFolder, appearing, remove_halves, settle, speaking


class ErrorFiles:
    """The record of failures, one JSON file each, readable by the owner only.

    Every file appears whole or not at all, on disk before the call returns. Raises `StateTrouble` where the folder
    can't be used, and `Suspended` where an open error file can't be read: nobody knows what it forbids. A resolved one
    forbids nothing: if it can't be read, it is passed over.
    """

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._folder = state.root / "errors"

    def open(self) -> list[ErrorFile]:
        """Return what waits for a person, oldest first."""
        return _sorted(_parsed(path) for path in _paths(self._folder))

    def resolved(self) -> list[ErrorFile]:
        """Return what came to its end, oldest first."""
        return _sorted(_readable(_paths(self._folder / "resolved")))

    def halts_settled(self, client: str) -> list[ErrorFile]:
        """Return what came to its end of the platform's own error files of a client, oldest first."""
        return [error for error in self.resolved() if error.client == client and error.halt]

    def tidy(self) -> None:
        """Remove what killed runs left half written."""
        remove_halves(self._folder, "*.json")

    def path(self, error: ErrorFile) -> Path:
        """Return where an open error file lies."""
        return self._folder / f"{error.name}.json"

    def put(self, error: ErrorFile) -> None:
        """Write an open error file down, or anew."""
        path = self._state.errors() / f"{error.name}.json"
        with speaking(path), appearing(path) as stream:
            stream.write(_text(error))

    def resolve(self, error: ErrorFile) -> None:
        """Put an error file away that says how it ended."""
        self.put(error)
        target = self._state.errors("resolved") / f"{error.name}.json"
        with speaking(target):
            settle(self.path(error), target)


def _text(error: ErrorFile) -> bytes:
    return error.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"


def _paths(folder: Path) -> list[Path]:
    with speaking(folder):
        return sorted(folder.glob("*.json"))


def _sorted(found: Iterable[ErrorFile]) -> list[ErrorFile]:
    return sorted(found, key=lambda error: (error.time, error.name))


def _readable(paths: Iterable[Path]) -> Iterator[ErrorFile]:
    for path in paths:
        with suppress(Suspended):
            yield _parsed(path)


def _parsed(path: Path) -> ErrorFile:
    try:
        return ErrorFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise Suspended(
            f"{path} can't be read as an error file: mend it, or move it to errors/resolved/ once you know what it was "
            "about; until then no job runs"
        ) from None
