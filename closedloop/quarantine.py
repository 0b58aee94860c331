"""The quarantine: rejected rows by file, and what a person corrected of them, as CSVs of the owner's only."""

import csv
import glob
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from closedloop.errors import ClosedLoopError, ProjectError
from closedloop.model.file import FileIdentity
from closedloop.state import QuarantineFile, StateFolder, speaking

CORRECTED = ".corrected.csv"
NEEDED = ("line", "raw")


@dataclass(frozen=True, slots=True)
class Kept:
    """One reason why a row was rejected, with its text as delivered or as corrected since."""

    line: int
    column: str
    rule: str
    raw: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The quarantine of one content of a response file: where it lies, and the beginning of the content's hash."""

    client: str
    name: str
    digest: str
    path: Path

    def is_of(self, file: FileIdentity) -> bool:
        """Say whether these are the rejected rows of this content."""
        return (self.client, self.name) == (file.client, file.name) and file.sha256.startswith(
            self.digest
        )


def quarantined(state: StateFolder) -> list[Quarantined]:
    """Return what lies in quarantine, by client and file."""
    found = sorted((state.root / "quarantine").glob("*/*.csv"))
    return [_described(path) for path in found if not path.name.endswith(CORRECTED)]


def _described(path: Path) -> Quarantined:
    name, _, digest = path.name.removesuffix(".csv").rpartition(".")
    return Quarantined(path.parent.name, name, digest, path)


def rejected_rows(path: Path) -> list[Kept]:
    """Read a quarantine file, or a copy that went through a spreadsheet; an absent one holds nothing.

    `;`, `,` and tab separate, and only the columns `line` and `raw` are needed. Raises `ProjectError`, without a word of
    what stands in it, where the file can't be read so.
    """
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProjectError(f"{path}: not UTF-8; save it again as 'CSV UTF-8'") from None
    except OSError as error:
        raise ProjectError(f"{path}: can't be read: {error.strerror}") from error
    return [*_rows(path, text)]


def _rows(path: Path, text: str) -> Iterator[Kept]:
    head = text.splitlines()[0].casefold() if text else ""
    separator = max(";,\t", key=head.count)
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [name.strip().casefold() for name in next(rows, [])]
    if lacking := [name for name in NEEDED if name not in names]:
        raise ProjectError(
            f"{path}: the first line names no column '{lacking[0]}'; keep line;column;rule;raw as they are"
        )
    for number, row in enumerate(rows, 2):
        if not any(row):
            continue
        cells = dict(zip(names, row, strict=False))
        line = cells["line"].strip()
        if not (line.isascii() and line.isdigit()) or "raw" not in cells:
            raise ProjectError(
                f"{path}: row {number}: needs a line number and a raw text; keep line;column;rule;raw as they are"
            )
        yield Kept(int(line), cells.get("column", ""), cells.get("rule", ""), cells["raw"])


def put(path: Path, rows: Iterable[Kept]) -> Path | None:
    """Write a quarantine file anew, on disk before this returns; without rows there is none."""
    with QuarantineFile(path) as out:
        out.write((row.line, row.column, row.rule, row.raw) for row in rows)
        return out.keep()


def corrections_of(state: StateFolder, file: FileIdentity) -> dict[int, str]:
    """Return the corrected records of one content of a file, by line."""
    return {row.line: row.raw for row in rejected_rows(_corrections(state, file))}


def has_corrections(state: StateFolder, client: str, name: str) -> bool:
    """Say whether a person corrected records of any content of a file."""
    found = (state.root / "quarantine" / client).glob(f"{glob.escape(name)}.*{CORRECTED}")
    return any(found)


def put_corrections(state: StateFolder, file: FileIdentity, corrections: Mapping[int, str]) -> None:
    """Keep corrected records beside those corrected before: whenever this content is loaded again, they go in too."""
    every = {**corrections_of(state, file), **corrections}
    put(
        _corrections(state, file),
        [Kept(line, "", "corrected", raw) for line, raw in sorted(every.items())],
    )


def _corrections(state: StateFolder, file: FileIdentity) -> Path:
    path = state.quarantine(file)
    return path.with_name(f"{path.name.removesuffix('.csv')}{CORRECTED}")


@contextmanager
def delivered(state: StateFolder, file: FileIdentity) -> Iterator[BinaryIO]:
    """Give the bytes of a loaded file, from its archived copy."""
    import zstandard

    path = state.archived(file)
    if not path.is_file():
        raise ClosedLoopError(
            f"{file.name}: its archived copy {state.shown(path)} is not there, and it tells which column stands where; "
            "run the pull job, or put the copy back"
        )
    try:
        with speaking(path), path.open("rb") as packed:
            yield io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed))
    except zstandard.ZstdError as error:
        raise ClosedLoopError(
            f"{path}: the copy is damaged ({error}); take it from a backup"
        ) from None
