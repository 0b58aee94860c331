"""Transient faults, tried again: a wrapper around any remote."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from closedloop.errors import AlreadyThere, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.remote.base import NotAsListed, Progress, Remote, quiet
from closedloop.remote.wrapper import Wrapper
from closedloop.stopping import NEVER

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.wait import wait_base

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 4
LONGEST_SECONDS = 30


class RetryingRemote(Wrapper):
    """Tries again what failed transiently, `attempts` times in all, waiting longer each time.

    Publishing is never tried again: it mails people. Neither is a refused log-in, nor a file that is not as it was
    listed. Each further try is one WARNING in the log.
    """

    def __init__(
        self,
        inner: Remote,
        attempts: int = ATTEMPTS,
        wait: "wait_base | None" = None,
        sleep: Callable[[float], None] = NEVER.sleep,
    ) -> None:
        super().__init__(inner)
        self._attempts = attempts
        self._wait = wait
        self._sleep = sleep

    def listing(self, folder: str) -> list[RemoteFile]:
        """List, and list again."""
        return self._persist(lambda: self._inner.listing(folder))

    def find(self, path: str) -> RemoteFile | None:
        """Look, and look again."""
        return self._persist(lambda: self._inner.find(path))

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Fetch, and go on where it broke."""
        return self._persist(lambda: self._inner.fetch(folder, file, target, progress))

    def stage(self, source: Path, path: str, progress: Progress = quiet) -> None:
        """Store, and store anew after removing the part that a broken try of ours left.

        What was there before the first try is never removed: the name must be seen free first.
        """
        if self.find(path) is not None:
            raise AlreadyThere(f"{path} exists on the server; nothing was written")
        begun = False

        def store() -> None:
            nonlocal begun
            if begun:
                self._inner.remove(path)
            begun = True
            self._inner.stage(source, path, progress)

        self._persist(store)

    def remove(self, path: str) -> None:
        """Remove, and remove again."""
        self._persist(lambda: self._inner.remove(path))

    def _persist(self, act: Callable[[], T]) -> T:
        return persist(act, self._attempts, self._wait, self._sleep)


def persist(
    act: Callable[[], T],
    attempts: int = ATTEMPTS,
    wait: "wait_base | None" = None,
    sleep: Callable[[float], None] = NEVER.sleep,
) -> T:
    """Do it, and do it again where it failed transiently, `attempts` times in all, by default waiting a little longer each time."""
    try:
        return act()
    except RemoteError as error:
        if not _can_help(error):
            raise
        failed = [error]
    # Late: nearly all goes well at once.
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

    patient = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait or wait_exponential_jitter(initial=1, max=LONGEST_SECONDS),
        sleep=sleep,
        retry=retry_if_exception(_can_help),
        before_sleep=_tell,
        reraise=True,
    )
    return patient(partial(_failed_first, failed, act))


def _failed_first(failed: list[RemoteError], act: Callable[[], T]) -> T:
    """Fail as the first try did, then try."""
    if failed:
        raise failed.pop()
    return act()


def _can_help(error: BaseException) -> bool:
    # A file that is not as listed needs a new listing, not another try.
    return isinstance(error, RemoteError) and error.transient and not isinstance(error, NotAsListed)


def _tell(state: "RetryCallState") -> None:
    reason = state.outcome.exception() if state.outcome else None
    logger.warning("try %d failed, trying again: %s", state.attempt_number, reason)
