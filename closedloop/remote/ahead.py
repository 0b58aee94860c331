"""Files fetched ahead, while whoever wants them is busy with others: a wrapper around any remote."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.model.file import RemoteFile
from closedloop.remote.base import Progress, Remote, quiet
from closedloop.remote.wrapper import Wrapper

if TYPE_CHECKING:
    from closedloop.remote.crew import Crew, Errand
    from closedloop.remote.porter import Porter

WORTH_BYTES = 32 * 1024 * 1024
"""If less than this comes besides the largest file, it is here before a process that fetches it has begun."""

FOR_MORE = 4
"""If less than so many times that comes, it is here before a second process would have paid for its start."""

AHEAD_BYTES = 1024 * 1024 * 1024
"""So much may lie here that nobody has asked for yet."""

BETWEEN_LOOKS_SECONDS = 0.2


class AheadRemote(Wrapper):
    """Has expected files fetched by at most `most` porters, if they are several and large enough.

    The connection inside is closed then, since a server may count them; a call other than `fetch` opens it again.
    """

    def __init__(
        self,
        inner: Remote,
        hire: "Callable[[], Porter]",
        most: int,
        worth_bytes: int = WORTH_BYTES,
    ) -> None:
        super().__init__(inner)
        self._hire = hire
        self._most = most
        self._worth_bytes = worth_bytes
        self._crew: Crew | None = None
        self._waiting: deque[Errand] = deque()
        self._sent: dict[Path, tuple[Errand, Future[str]]] = {}

    def expect(self, folder: str, files: Sequence[tuple[RemoteFile, Path]]) -> None:
        """Begin to fetch them, if it pays. Of what was expected before, only that goes on which has begun."""
        sizes = [file.size for file, _ in files]
        besides = sum(sizes) - max(sizes, default=0)
        if not self._crew and (not files or besides < self._worth_bytes):
            return
        # Late: most pulls find nothing new.
        from closedloop.remote.crew import Crew, Errand

        if not self._crew:
            self.close()
            most = self._most if besides >= FOR_MORE * self._worth_bytes else 1
            self._crew = Crew(self._hire, min(most, len(files)))
        wanted = [Errand(folder, file, target) for file, target in files]
        self._waiting = deque(errand for errand in wanted if errand.target not in self._sent)
        self._send()

    def fetch(self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet) -> str:
        """Wait for what is expected; fetch what is not."""
        if target not in self._sent:
            return self._inner.fetch(folder, file, target, progress)
        errand, coming = self._sent.pop(target)
        self._send()
        while not coming.done():
            progress(errand.done, file.size)
            wait([coming], BETWEEN_LOOKS_SECONDS)
        digest = coming.result()
        progress(file.size, file.size)
        return digest

    def close(self) -> None:
        """End all connections."""
        self._waiting.clear()
        self._sent.clear()
        if self._crew:
            self._crew.close()
            self._crew = None
        self._inner.close()

    def _send(self) -> None:
        """Send for the next ones, as long as not too much lies here unasked for; one at least."""
        while self._crew and self._waiting:
            ahead = sum(errand.file.size for errand, _ in self._sent.values())
            if ahead and ahead + self._waiting[0].file.size > AHEAD_BYTES:
                return
            errand = self._waiting.popleft()
            self._sent[errand.target] = (errand, self._crew.send(errand))
