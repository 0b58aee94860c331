"""A thread that works for one that a signal may end anywhere."""

from _thread import start_new_thread
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue


class Aside:
    """Does what it is handed, in order.

    Whoever hands it something may be ended by a signal at any point, and then hand it more: between the two are queues made for
    that. An end in the midst of an executor's `submit`, or of the start of a `Thread`, leaves a lock shut for good.
    """

    def __init__(self) -> None:
        self._todo: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._done: SimpleQueue[object] = SimpleQueue()
        self._is_idle = True
        self._is_closed = False
        self._error: BaseException | None = None
        start_new_thread(self._work, ())

    def do(self, act: Callable[[], object]) -> None:
        """Have something done."""
        self._todo.put(act)

    def is_idle(self) -> bool:
        """Say whether nothing is left to do; what is about to begin may be overlooked."""
        return self._is_idle and self._todo.empty()

    def wait(self, behind: int = 0) -> None:
        """Wait until all is done, or no more than so many are left to begin; what one of them raised is raised once."""
        while behind and self._todo.qsize() > behind:
            self._done.get()
        if not behind:
            self._wait_for_all()
        error, self._error = self._error, None
        if error:
            raise error

    def close(self) -> None:
        """End the thread once all is done; nothing more can be done then."""
        if not self._is_closed:
            self._wait_for_all()
            self._is_closed = True
            self._todo.put(None)

    def _wait_for_all(self) -> None:
        mark = object()
        self._todo.put(partial(self._done.put, mark))
        while self._done.get() is not mark:
            pass

    def _work(self) -> None:
        for act in iter(self._todo.get, None):
            self._is_idle = False
            try:
                act()
            except BaseException as error:  # noqa: BLE001  raised where it is waited for
                self._error = self._error or error
            self._is_idle = True
            self._done.put(None)
