"""What a health check is told of a run."""

from closedloop.errors import (
    LogInRefused,
    RemoteError,
    StateTrouble,
    Suspended,
    TryLater,
    WarehouseError,
)

STARTED, WELL, FAILED = "/start", "", "/fail"
UNREACHABLE = 69


def signal(exit_code: int, error: BaseException | None) -> str | None:
    """Return what is added to the check's URL, or None where nothing is told.

    Failed is what a person must mend. What the next run may get over is not told: the check notices by itself if
    no run ends well for too long.
    """
    if error is None:
        return None if exit_code == UNREACHABLE else FAILED if exit_code else WELL
    if isinstance(error, Suspended | StateTrouble | LogInRefused):
        return FAILED
    if isinstance(error, TryLater | RemoteError | WarehouseError):
        return None
    # What is no Exception is an end from outside.
    return FAILED if isinstance(error, Exception) else None
