"""The letters that wait on disk until a mail server has taken them."""

import logging
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from closedloop.state import appearing, remove_halves

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 14 * 24 * 3600
MAX_LETTERS = 500


class LetterSpool:
    """A folder of messages, readable by the owner only, the oldest first by name.

    Bounded in age and number: what has waited too long is dropped with a warning.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, written: datetime, messages: Sequence[bytes]) -> None:
        """Write messages down, each on disk before this returns; `OSError` where the disk does not let us."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lead = f"{written.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{uuid.uuid4().hex[:8]}"
        for number, message in enumerate(messages, 1):
            with appearing(self._folder / f"{lead}-{number}.eml") as stream:
                stream.write(message)

    def waiting(self) -> list[Path]:
        """Return what waits, oldest first."""
        return sorted(self._folder.glob("*.eml"))

    def is_empty(self) -> bool:
        """Say whether there is nothing to deliver and nothing to tidy up."""
        return not any(self._folder.glob("*.eml*"))

    def tidy(self) -> None:
        """Drop what is too old or too much, and what a killed run left half written."""
        waiting = self.waiting()
        now = time.time()
        for place, path in enumerate(waiting):
            with suppress(OSError):
                age = now - path.stat().st_mtime
                if age > MAX_AGE_SECONDS or place < len(waiting) - MAX_LETTERS:
                    path.unlink(missing_ok=True)
                    logger.warning("%s: dropped: no mail server took it for too long", path.name)
        remove_halves(self._folder, "*.eml")
