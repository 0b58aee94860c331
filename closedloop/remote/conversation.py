"""A conversation with an SFTP server: requests out, answers in, over any stream of bytes.

It is strict about what it receives: an answer to nothing, a packet cut short or a length no server
would send ends it, since after that no answer can be trusted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from closedloop.errors import NotThere, RemoteError
from closedloop.remote import packets
from closedloop.remote.packets import Fields, Kind, Status

LARGEST_PACKET = 16 * 1024 * 1024
RECEIVE_BYTES = 1024 * 1024
NEVER_ASKED = 0
IF_IT_GOES_ON = "if that goes on, look at the network between, and at the server"
SUPPORT = "ask the platform's support"


class Stream(Protocol):
    """A connected stream of bytes. Both methods raise `RemoteError` when the connection fails."""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def recv(self, size: int) -> bytes:
        """Return `size` bytes, waiting for them; fewer only at the end of the stream."""
        ...


class Refused(RemoteError):
    """The server answered, and the answer was no."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, transient=code in (Status.NO_CONNECTION, Status.CONNECTION_LOST))
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the server: to which request, and the code if it is no more than a status."""

    kind: int
    request: int
    status: int | None
    fields: Fields


class Conversation:
    """Asks and hears. `peer` names the server in messages.

    A broken connection or a server that talks nonsense raises `RemoteError`; from then on nothing is settled.
    """

    def __init__(self, stream: Stream, peer: str) -> None:
        self._stream = stream
        self._peer = peer
        self._outgoing: list[bytes] = []
        self._unanswered: set[int] = set()
        self._last = NEVER_ASKED
        self.extensions = self._greet()

    @property
    def is_settled(self) -> bool:
        """Every request has its answer: the next one can't be mistaken for it."""
        return not self._unanswered

    @property
    def unanswered(self) -> int:
        """How many requests are under way."""
        return len(self._unanswered)

    def ask(self, kind: Kind, *fields: bytes) -> int:
        """Queue a request and return its number; `flush` or `answer` sends it."""
        self._last = self._last % 0xFFFFFFFF + 1
        self._unanswered.add(self._last)
        self._outgoing.append(packets.packet(kind, packets.number(self._last), *fields))
        return self._last

    def flush(self) -> None:
        """Send what was asked."""
        outgoing, self._outgoing = b"".join(self._outgoing), []
        if outgoing:
            self._stream.send(outgoing)

    def answer(self) -> Answer:
        """Send what was asked and return the next answer, whichever request it is for."""
        self.flush()
        kind, fields = self._packet()
        with self.understanding():
            request = fields.number()
            status = fields.number() if kind == Kind.STATUS else None
        if request not in self._unanswered:
            self._give_up("it answers what nobody asked")
        self._unanswered.remove(request)
        return Answer(kind, request, status, fields)

    def call(self, kind: Kind, *fields: bytes) -> Answer:
        """Ask one thing, with nothing else under way, and return its answer."""
        self.ask(kind, *fields)
        return self.answer()

    def expect(self, answer: Answer, wanted: Kind, doing: str) -> Fields:
        """Return the fields of an answer that says yes; raise `NotThere` or `Refused` for a no."""
        code = answer.status
        if answer.kind == wanted and code in (None, Status.OK):
            return answer.fields
        if code is None or code == Status.OK:
            self._give_up(f"it sends packet {answer.kind} when asked to {doing}")
        if code == Status.NO_SUCH_FILE:
            raise NotThere(
                f"{self._peer} can't {doing}: there is no such file or folder; compare the folders of this client in "
                "closedloop.toml with those on the server"
            )
        raise Refused(f"{self._peer} refused to {doing}: {_reason(code)}", code)

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Read fields: a packet that is too short ends the conversation."""
        try:
            yield
        except ValueError as error:
            self._give_up(str(error))

    def _greet(self) -> frozenset[bytes]:
        self._stream.send(packets.packet(Kind.INIT, packets.number(packets.VERSION)))
        kind, fields = self._packet()
        if kind != Kind.VERSION:
            self._give_up("it does not greet as an SFTP server does")
        with self.understanding():
            if (version := fields.number()) != packets.VERSION:
                raise ValueError(f"it speaks SFTP version {version}, not {packets.VERSION}")
            extensions = set()
            while not fields.at_end:
                extensions.add(bytes(fields.text()))
                fields.text()
        return frozenset(extensions)

    def _packet(self) -> tuple[int, Fields]:
        length = int.from_bytes(self._received(4), "big")
        if not 1 <= length <= LARGEST_PACKET:
            self._give_up("it sends something else, as where a log-in script prints text")
        fields = Fields(self._received(length))
        return fields.take(1)[0], fields

    def _received(self, size: int) -> bytes:
        data = self._stream.recv(min(size, RECEIVE_BYTES))
        # What is longer than any answer we ask for need not fit into what the server may send unread.
        while len(data) < size and (
            more := self._stream.recv(min(size - len(data), RECEIVE_BYTES))
        ):
            data += more
        if len(data) < size:
            self._unanswered.add(NEVER_ASKED)
            raise RemoteError(
                f"{self._peer} closed the connection; {IF_IT_GOES_ON}", transient=True
            )
        return data

    def _give_up(self, why: str) -> NoReturn:
        # A request nobody asked is never answered: the conversation stays unsettled.
        self._unanswered.add(NEVER_ASKED)
        raise RemoteError(f"{self._peer} does not speak SFTP as we know it: {why}; {SUPPORT}")


def _reason(code: int) -> str:
    # The server's own words are left out: they may hold anything.
    if code == Status.PERMISSION_DENIED:
        return f"permission denied; {SUPPORT} for the rights of this account"
    if code == Status.FAILURE:
        return f"it gives no reason, so its disk may be full, or the folder not writable; {SUPPORT}"
    if code == Status.OP_UNSUPPORTED:
        return f"it does not know how to; {SUPPORT} for a server that does"
    if code in (Status.NO_CONNECTION, Status.CONNECTION_LOST):
        return f"it has lost what lies behind it; if that goes on, {SUPPORT}"
    return f"it answers with status {code}, which tells us nothing; {SUPPORT}"
