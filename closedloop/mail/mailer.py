"""The mailer: every letter on disk first, then to the server, each once."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.errors import ClosedLoopError, TryLater
from closedloop.locks import held
from closedloop.mail.spool import LetterSpool
from closedloop.model.letter import Language, Letter
from closedloop.model.mail import Mail
from closedloop.state import StateFolder

if TYPE_CHECKING:
    from closedloop.mail.smtp import Conversation

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 20.0
PAUSE_SECONDS = 3600.0
"""So long after a refused log-in nobody logs in again, lest the account be locked."""


class SpooledMailer:
    """Keeps letters in the state folder's `mail` and hands them to an SMTP server; the contract is in `Mailer`.

    A letter that was handed over while the process died is handed over again, with the same Message-ID.
    """

    def __init__(
        self,
        settings: Mail,
        root: Path,
        state: StateFolder,
        environ: Mapping[str, str],
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._settings = settings
        self._root = root
        self._state = state
        self._environ = environ
        self._limit_seconds = limit_seconds
        self._spool = LetterSpool(state.root / "mail")
        self._pause = _pause(state)

    @property
    def language(self) -> Language:
        """What the readers want their letters in."""
        return self._settings.language

    def post(self, letter: Letter) -> bool:
        """Keep a letter, then try to deliver all that are kept; say whether it is safe."""
        try:
            from closedloop.mail.message import messages
            from closedloop.mail.place import placed

            self._spool.keep(letter.written, messages(placed(letter, self._root), self._settings))
        except Exception as error:  # noqa: BLE001 no letter is worth the run that it tells of
            # Only the kind: what a template quotes may be an address.
            logger.error("the letter could not be written: %s", _told(error))  # noqa: TRY400
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Try to deliver what is kept, oldest first, for a bounded time."""
        if self._spool.is_empty():
            return
        try:
            # One process delivers at a time; another one's letters are taken along, or wait for the next run.
            with held(self._state.lock("mail"), "mail", "another delivery of letters"):
                self._spool.tidy()
                if self._spool.waiting() and not is_pausing(self._state):
                    self._deliver()
        except TryLater as error:
            logger.info("%s", error)
        except (OSError, ClosedLoopError) as error:
            logger.warning("the kept letters could not be delivered: %s", _told(error))

    def _deliver(self) -> None:
        from closedloop.mail.smtp import Conversation, NoLogIn, NotSent

        try:
            with Conversation(
                self._settings, self._root, self._environ, self._limit_seconds
            ) as conversation:
                for path in self._spool.waiting():
                    self._hand_over(path, conversation)
        except NotSent as error:
            if isinstance(error, NoLogIn):
                self._pause.touch(mode=0o600)
            waiting = len(self._spool.waiting())
            logger.warning("%d kept letters wait for the mail server: %s", waiting, error)

    def _hand_over(self, path: Path, conversation: "Conversation") -> None:
        """Hand one letter over; one that is refused alone does not hold up the others."""
        from closedloop.mail.message import taken_apart
        from closedloop.mail.smtp import NoServer, NotSent

        try:
            conversation.send(*taken_apart(path.read_bytes()))
        except NoServer:
            raise
        except NotSent as error:
            logger.warning("%s: %s; it is tried again by the next run", path.name, error)
            return
        except ValueError as error:
            logger.warning("%s: dropped: %s", path.name, error)
        path.unlink(missing_ok=True)


def is_pausing(state: StateFolder) -> bool:
    """Say whether the mail server refused the log-in a short while ago."""
    with suppress(FileNotFoundError):
        return 0 <= time.time() - _pause(state).stat().st_mtime < PAUSE_SECONDS
    return False


def _pause(state: StateFolder) -> Path:
    return state.root / "mail" / "log-in-refused"


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, OSError | ClosedLoopError) else type(error).__name__
