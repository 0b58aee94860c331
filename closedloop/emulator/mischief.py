"""Mischief: the misbehaviour asked for at this moment, and how far each part of it has come."""

from collections import Counter
from contextlib import suppress

from closedloop.emulator.misbehaviour import Fault, Misbehaviour
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError


class _Since:
    """What has happened since one misbehaviour was asked for."""

    def __init__(self, asked: Misbehaviour) -> None:
        self.asked = asked
        self.requests: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()
        self.stored = 0


class Mischief:
    """Says which request goes wrong, and how.

    `given` takes the place of platform.toml's `[misbehave]` and may be set from another thread at any time. Whatever
    is newly asked for counts its requests and bytes from nought.
    """

    def __init__(self, platform: Platform, given: Misbehaviour | None = None) -> None:
        self._platform = platform
        self._given: _Since | None = None
        self._saved = _Since(Misbehaviour())
        self._bad_logins: Counter[str] = Counter()
        self.given = given

    @property
    def given(self) -> Misbehaviour | None:
        """What takes the place of platform.toml's."""
        return self._given.asked if self._given else None

    @given.setter
    def given(self, asked: Misbehaviour | None) -> None:
        self._given = _Since(asked) if asked else None

    @property
    def now(self) -> Misbehaviour:
        """What is asked for now."""
        return self._state().asked

    def fault(self, request: str, size: int = 0) -> Fault | None:
        """Count a request that moves `size` bytes, and return what goes wrong with it."""
        since = self._state()
        if not since.asked.faults:
            return None
        since.requests[request] += 1
        before = since.moved[request]
        since.moved[request] += size
        for fault in since.asked.faults:
            if fault.request != request:
                continue
            if fault.byte:
                strikes = before < fault.byte <= before + size
            else:
                strikes = fault.nth in (0, since.requests[request])
            if strikes:
                return fault
        return None

    def stored(self, size: int) -> int:
        """Take `size` more bytes onto the disk and return how many of them it holds."""
        since = self._state()
        if not since.asked.disk_bytes:
            return size
        fits = min(size, since.asked.disk_bytes - since.stored)
        since.stored += fits
        return fits

    def logged_in(self, user: str, *, well: bool) -> None:
        """Note how a log-in ended."""
        if not well:
            self._bad_logins[user] += 1
        elif not self.is_locked(user):
            self._bad_logins[user] = 0

    def is_locked(self, user: str) -> bool:
        """Say whether too many bad log-ins have locked the account."""
        limit = self.now.lock_after
        return bool(limit) and self._bad_logins[user] >= limit

    def _state(self) -> _Since:
        given = self._given
        if given:
            return given
        # In the middle of an edit: whoever acts on the platform says what is wrong.
        with suppress(ProjectError):
            asked = self._platform.config.misbehave
            if asked != self._saved.asked:
                self._saved = _Since(asked)
        return self._saved
