"""A crew: a few porters and the errands that wait for one of them."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from closedloop.errors import LogInRefused, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.remote.porter import Porter
from closedloop.remote.retrying import persist

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Errand:
    """One file to fetch, and how far it has come."""

    folder: str
    file: RemoteFile
    target: Path
    done: int = 0

    def advance(self, done: int, _whole: int) -> None:
        """Note how far it has come."""
        self.done = done


class Crew:
    """Carries out errands in the order they are given, as many at a time as it has porters, each fault tried again.

    A porter logs in only after the one before it was let in, so that a wrong password is tried once. Where the server
    lets in fewer than `most`, those do the work.
    """

    def __init__(self, hire: Callable[[], Porter], most: int) -> None:
        self._hire = hire
        self._door = threading.Lock()
        self._refusal: LogInRefused | None = None
        self._change = threading.Lock()
        self._hired: list[Porter] = []
        self._inside: list[Porter] = []
        self._is_over = threading.Event()
        # None stands for a porter still to be hired.
        self._idle: SimpleQueue[Porter | None] = SimpleQueue()
        self._places = most
        for _ in range(most):
            self._idle.put(None)
        self._threads = ThreadPoolExecutor(most, "crew")

    def send(self, errand: Errand) -> Future[str]:
        """Have an errand carried out; what comes of it is the hash of the file, or a `ClosedLoopError`."""
        return self._threads.submit(persist, lambda: self._try(errand), sleep=self._pause)

    def close(self) -> None:
        """End it: what is under way is broken off, and what came is kept."""
        with self._change:
            self._is_over.set()
            hired = list(self._hired)
        for porter in hired:
            porter.close()
        self._threads.shutdown(cancel_futures=True)

    def _pause(self, seconds: float) -> None:
        self._is_over.wait(seconds)

    def _try(self, errand: Errand) -> str:
        try:
            return self._carry_out(errand)
        except RemoteError as error:
            if self._is_over.is_set():
                # No fault, and nothing to try again.
                raise RemoteError("told to end; the next run goes on") from error
            raise

    def _carry_out(self, errand: Errand) -> str:
        porter = self._porter()
        try:
            return porter.fetch(errand.folder, errand.file, errand.target, errand.advance)
        finally:
            self._idle.put(porter if porter.is_alive else None)

    def _porter(self) -> Porter:
        if porter := self._idle.get():
            return porter
        try:
            # Begun before the one before is let in: it has much to import.
            porter = self._begun()
            with self._door:
                self._let_in(porter)
        except RemoteError as error:
            with self._change:
                can_do_without = self._places > 1 and any(each.is_alive for each in self._inside)
                self._places -= can_do_without
            if not can_do_without:
                self._idle.put(None)
                raise
            logger.info("fetching over one connection less: %s", error)
            return self._porter()
        return porter

    def _begun(self) -> Porter:
        with self._change:
            if self._is_over.is_set():
                raise RemoteError("there is nobody to fetch for any more")
            porter = self._hire()
            self._hired.append(porter)
        return porter

    def _let_in(self, porter: Porter) -> None:
        try:
            self._knock(porter)
        except BaseException:
            porter.close()
            raise

    def _knock(self, porter: Porter) -> None:
        if self._refusal:
            raise self._refusal
        try:
            porter.log_in()
        except LogInRefused as error:
            self._refusal = error
            raise
        self._inside.append(porter)
