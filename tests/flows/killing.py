"""Edges of a process that may be killed at any of its looks at the outside world."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any


class Killed(BaseException):
    """The process died here."""


class Fuse:
    """Kills the process at its n-th look at the outside world; the dead look at nothing any more."""

    def __init__(self, looks: int, *, before: bool) -> None:
        self._left = looks
        self._before = before
        self.burnt = False

    def around(self, act: Callable[[], Any]) -> Any:
        """Carry out an act, if one lives to."""
        self._left -= 1
        if self.burnt or (self._left == 0 and self._before):
            self._die()
        answer = act()
        if self._left == 0:
            self._die()
        return answer

    def _die(self) -> None:
        self.burnt = True
        raise Killed


class Mortal:
    """An edge of a process that may be killed at any of its calls."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        if name in ("loading", "amending"):
            return partial(self._loading, found)
        return lambda *given, **named: self._fuse.around(lambda: found(*given, **named))

    @contextmanager
    def _loading(self, begin: Any, *given: Any) -> Iterator["Mortal"]:
        with self._fuse.around(lambda: begin(*given)) as loading:
            yield Mortal(loading, self._fuse)
