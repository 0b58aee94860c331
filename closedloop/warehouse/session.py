"""One connection to a DuckDB file: opened with patience, private to its owner, failing in our words."""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from closedloop.errors import ClosedLoopError, StateTrouble, WarehouseBusy, WarehouseError
from closedloop.model.privacy import without_addresses, without_values
from closedloop.stopping import NEVER, Stopping

if TYPE_CHECKING:
    import duckdb

OWNER_ONLY = 0o077
OF_THE_DISK = (
    "No space left on device", "Disk quota exceeded", "File too large", "Read-only file system", "Permission denied",
    "Input/output error", "max_temp_directory_size",
)  # fmt: skip
"""What DuckDB quotes of the system's errors that another run may not meet any more."""
OF_DAMAGE = ("Corrupt database file", "Corrupt WAL file", "replaying WAL file")
"""What DuckDB says where a death in the middle of a write has left half a block: it writes some in place."""

Came = TypeVar("Came")


@dataclass(frozen=True, slots=True)
class Opening:
    """How to open a warehouse file: `lock_wait_seconds` is how long to wait for another process."""

    path: Path
    lock_wait_seconds: float
    read_only: bool = False
    memory_limit: str = "512MB"
    stopping: Stopping = NEVER

    @property
    def spill(self) -> Path:
        """Where queries larger than memory lie while they run."""
        return self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")


def connect(opening: Opening) -> "duckdb.DuckDBPyConnection":
    """Open the file, made if it is missing; raises `WarehouseBusy` once the waiting is over."""
    if opening.read_only and not opening.path.exists():
        raise WarehouseError(
            f"there is no warehouse at {opening.path} yet; the first pull makes it"
        )
    return patiently(opening, _connect_once)


def patiently(opening: Opening, act: Callable[[Opening], Came]) -> Came:
    """Do something with a warehouse file, again and again while another process holds it."""
    from tenacity import Retrying, retry_if_exception_type, wait_exponential

    trying = Retrying(
        retry=retry_if_exception_type(WarehouseBusy),
        wait=wait_exponential(multiplier=0.1, max=2),
        stop=lambda state: state.idle_for >= opening.lock_wait_seconds,
        sleep=opening.stopping.sleep,
        reraise=True,
    )
    return trying(act, opening)


def _connect_once(opening: Opening) -> "duckdb.DuckDBPyConnection":
    import duckdb

    with speaking(opening, "can't be opened"), owner_only():
        opening.path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(
            opening.path, read_only=opening.read_only, config=settings(opening)
        )
        be_quiet(connection)
        _make_room(opening)
        return connection


def be_quiet(connection: "duckdb.DuckDBPyConnection") -> None:
    """Keep DuckDB from showing progress by itself: after two seconds it writes on stdout, terminal or not."""
    connection.execute("SET enable_progress_bar = false")


def settings(opening: Opening) -> dict[str, str | bool | int | float | list[str]]:
    """Return how DuckDB is to run; extensions are never fetched: a warehouse asks nobody on the network."""
    return {
        "memory_limit": opening.memory_limit,
        "temp_directory": str(opening.spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def _make_room(opening: Opening) -> None:
    """Make a private folder for large queries; take away what a killed process left in its own."""
    if not opening.read_only:
        # Whoever writes is alone, so no folder but ours can be in use.
        for folder in opening.path.parent.glob(f"{opening.path.name}.*.tmp"):
            shutil.rmtree(folder, ignore_errors=True)
    try:
        opening.spill.mkdir(exist_ok=True)
    except PermissionError:
        # Whoever only reads may have no right to write here; then only large queries fail.
        if not opening.read_only:
            raise


def release(opening: Opening, connections: "Iterable[duckdb.DuckDBPyConnection]") -> None:
    """Close connections, which lets other processes in, and take away the folder for large queries."""
    with speaking(opening, "can't be closed"), owner_only():
        for connection in connections:
            connection.close()
    with contextlib.suppress(OSError):
        opening.spill.rmdir()


@contextlib.contextmanager
def owner_only() -> Iterator[None]:
    """Let files made in this block be readable by their owner only."""
    before = os.umask(OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def speaking(opening: Opening, failure: str) -> Iterator[None]:
    """Turn what DuckDB and the file system raise into our errors; ours pass."""
    import duckdb

    try:
        yield
    except ClosedLoopError:
        raise
    except (duckdb.Error, OSError) as error:
        # The original may quote a row: it must not reach an error file by way of the chain.
        raise _ours(opening, failure, error) from None


def _ours(opening: Opening, failure: str, error: Exception) -> ClosedLoopError:
    text = str(error)
    if trouble := disk_trouble(opening, error):
        return trouble
    if "Could not set lock on file" in text:
        holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
        who = f" by process {holder[2]} ({Path(holder[1]).name})" if holder else ""
        return WarehouseBusy(
            f"the warehouse {opening.path} is held{who}, after {opening.lock_wait_seconds:g} s of waiting: another "
            f"run, a DuckDB shell or a notebook; close it, or let the next run try again"
        )
    if any(words in text for words in OF_DAMAGE):
        return WarehouseError(
            f"the warehouse {opening.path} is damaged ({spoken(error)}). Put a backup in its place; or move it aside, with its "
            f"{opening.path.name}.wal if there is one, and run the pull jobs: they fill a new one from archive and server, but "
            "for tables of your own"
        )
    return WarehouseError(f"the warehouse {opening.path} {failure}: {spoken(error)}")


def disk_trouble(opening: Opening, error: Exception) -> StateTrouble | None:
    """Return the trouble of the disk that an error tells of, or None."""
    found = next((words for words in OF_THE_DISK if words in str(error)), None)
    if found is None:
        return None
    why = "no room for large queries" if found == "max_temp_directory_size" else found.lower()
    return StateTrouble(
        f"the warehouse {opening.path}: {why}; make room, or mend the rights: nothing was lost, and the next run goes on"
    )


def spoken(error: Exception) -> str:
    """Return the first line of an error, without the values that a row may have put into it."""
    import duckdb

    if isinstance(error, duckdb.DataError | duckdb.IntegrityError):
        return without_values(str(error))
    return without_addresses((str(error).splitlines() or [type(error).__name__])[0])
