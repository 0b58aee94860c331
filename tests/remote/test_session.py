"""The session against servers that are odd, slow to order their answers, or no SFTP servers at all."""

import io
import random
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.errors import AlreadyThere, NotThere, RemoteError
from closedloop.remote.base import NotAsListed, quiet
from closedloop.remote.conversation import Refused
from closedloop.remote.session import Session

OK, EOF, MISSING, FAILURE = 0, 1, 2, 4


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    return text(bytes([kind]) + body)


@dataclass
class OddServer:
    """One file, served the way a test wants: the bytes of a stream, without a network."""

    content: bytes = b""
    name: bytes = b"/a"
    most_read: int = 1 << 30
    limits: tuple[int, int] | None = None
    rng: random.Random | None = None
    fail_writes_after: int = 1 << 60
    asked: list[int] = field(default_factory=list)
    written: bytearray = field(default_factory=bytearray)
    _answers: list[bytes] = field(default_factory=list)
    _sent: bytearray = field(default_factory=bytearray)

    def send(self, data: bytes) -> None:
        while data:
            (length,) = struct.unpack_from(">I", data)
            self._hear(data[4], data[5 : 4 + length])
            data = data[4 + length :]

    def recv(self, size: int) -> bytes:
        while len(self._sent) < size and self._answers:
            self._sent += self._answers.pop(
                self.rng.randrange(len(self._answers)) if self.rng else 0
            )
        data = bytes(self._sent[:size])
        del self._sent[:size]
        return data

    def _hear(self, kind: int, body: bytes) -> None:
        self.asked.append(kind)
        if kind == 1:
            offer = text(b"limits@openssh.com") + text(b"1") if self.limits else b""
            self._answers.append(packet(2, struct.pack(">I", 3) + offer))
            return
        number, rest = body[:4], body[4:]
        self._answers.append(self._reply(kind, number, rest))

    def _reply(self, kind: int, number: bytes, rest: bytes) -> bytes:
        match kind:
            case 3:
                reply = packet(102, number + text(b"h"))
            case 5:
                reply = self._read(number, rest)
            case 6:
                reply = self._write(number, rest)
            case 7:
                reply = self._look(number, rest)
            case 200:
                most_read, most_written = self.limits or (0, 0)
                reply = packet(201, number + struct.pack(">QQQQ", 0, most_read, most_written, 0))
            case _:
                reply = self._say(number, OK)
        return reply

    def _say(self, number: bytes, code: int) -> bytes:
        return packet(101, number + struct.pack(">I", code) + text(b"") + text(b""))

    def _look(self, number: bytes, rest: bytes) -> bytes:
        if rest[4:] != self.name:
            return self._say(number, MISSING)
        return packet(105, number + struct.pack(">IQ", 1, len(self.content)))

    def _read(self, number: bytes, rest: bytes) -> bytes:
        offset, length = struct.unpack_from(">QI", rest, 5)
        piece = self.content[offset : offset + min(length, self.most_read)]
        return packet(103, number + text(piece)) if piece else self._say(number, EOF)

    def _write(self, number: bytes, rest: bytes) -> bytes:
        offset, length = struct.unpack_from(">QI", rest, 5)
        if offset + length > self.fail_writes_after:
            return self._say(number, FAILURE)
        self.written[offset : offset + length] = rest[17:]
        return self._say(number, OK)


@dataclass
class Babbler:
    """Answers with bytes made up by the test."""

    words: bytes

    def send(self, data: bytes) -> None:
        pass

    def recv(self, size: int) -> bytes:
        data, self.words = self.words[:size], self.words[size:]
        return data


GREETING = packet(2, struct.pack(">I", 3))


def read(server: OddServer, size: int, start: int = 0) -> bytes:
    session, gathered = Session(server, "server"), bytearray()
    with session.reading("/a") as opened:
        opened.read(start, size, gathered.extend)
    assert session.is_settled
    return bytes(gathered)


@given(
    size=st.integers(0, 3_000_000),
    most=st.integers(9_000, 300_000),
    limits=st.none() | st.tuples(st.integers(0, 400_000), st.integers(0, 400_000)),
    seed=st.integers(),
    start=st.integers(0, 3_000_000),
)
def test_any_order_and_any_length_of_answers_gives_the_same_bytes(
    size: int, most: int, limits: tuple[int, int] | None, seed: int, start: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    content = rng.randbytes(size)
    limits = limits and (limits[0] and max(limits[0], 9_000), limits[1])
    server = OddServer(content, most_read=most, limits=limits, rng=rng)
    assert read(server, size, min(start, size)) == content[min(start, size) :]


@pytest.mark.parametrize("listed", [90_000, 100_001, 200_000], ids=["later", "one off", "earlier"])
def test_a_file_that_ends_elsewhere_than_listed_is_not_the_listed_one(listed: int) -> None:
    with pytest.raises(NotAsListed):
        read(OddServer(bytes(100_000)), listed)


def test_blocks_are_as_large_as_the_server_allows() -> None:
    content = bytes(1_000_000)
    safe, generous = OddServer(content), OddServer(content, limits=(100_000, 100_000))
    read(safe, len(content))
    read(generous, len(content))
    assert safe.asked.count(5) == 31 + 1
    assert generous.asked.count(5) == 10 + 1


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 10_000_000])
def test_all_that_is_written_arrives(size: int) -> None:
    content = random.Random(1).randbytes(size)  # noqa: S311 - content, not a secret
    server = OddServer(limits=(0, 0), rng=random.Random(2))  # noqa: S311 - an order, not a secret
    session = Session(server, "server")
    with session.creating("/b") as opened:
        assert opened.write(io.BytesIO(content), size, quiet) == size
    assert server.written == content


def test_a_write_that_fails_late_is_not_lost() -> None:
    server = OddServer(fail_writes_after=5_000_000)
    with (
        pytest.raises(Refused, match="refused to store /b"),
        Session(server, "server").creating("/b") as opened,
    ):
        opened.write(io.BytesIO(bytes(5_000_001)), 5_000_001, quiet)


def test_a_name_that_is_taken_is_not_opened() -> None:
    server = OddServer(name=b"/b")
    with pytest.raises(AlreadyThere), Session(server, "server").creating("/b"):
        pass
    assert 3 not in server.asked


def test_a_missing_name_is_told_from_a_refusal() -> None:
    with pytest.raises(NotThere):
        Session(OddServer(), "server").attributes("/elsewhere", follow=False)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param([b"Welcome to our server!\n"], "log-in script", id="text in place of packets"),
        pytest.param([packet(2, struct.pack(">I", 6))], "version 6", id="another version"),
        pytest.param([packet(101, bytes(12))], "greet", id="no greeting"),
        pytest.param([packet(2, b"\0")], "too early", id="a greeting cut short"),
        pytest.param([struct.pack(">I", 0)], "something else", id="an empty packet"),
        pytest.param([GREETING[:3]], "closed the connection", id="the end"),
    ],
)
def test_what_is_no_sftp_server_is_said_to_be_none(words: list[bytes], reason: str) -> None:
    with pytest.raises(RemoteError, match=reason):
        Session(Babbler(b"".join(words)), "server")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(packet(105, struct.pack(">II", 99, 0)), "nobody asked", id="another number"),
        pytest.param(packet(105, struct.pack(">II", 1, 1)), "too early", id="cut short"),
        pytest.param(packet(102, struct.pack(">II", 1, 0)), "sends packet 102", id="another kind"),
        pytest.param(packet(101, struct.pack(">II", 1, 0)), "sends packet 101", id="a bare yes"),
        pytest.param(packet(105, b"\0"), "too early", id="no number"),
    ],
)
def test_an_answer_that_makes_no_sense_ends_the_session(answer: bytes, reason: str) -> None:
    session = Session(Babbler(GREETING + answer), "server")
    with pytest.raises(RemoteError, match=reason):
        session.attributes("/a")
    assert not session.is_settled


def test_a_block_longer_than_asked_ends_the_session() -> None:
    opened, block = packet(102, struct.pack(">I", 1) + text(b"h")), struct.pack(">I", 2)
    session = Session(Babbler(GREETING + opened + packet(103, block + text(b"1234"))), "server")
    with pytest.raises(RemoteError, match="asked for 3 bytes"), session.reading("/a") as reading:
        reading.read(0, 3, lambda _: None)


def test_names_that_lead_out_of_the_folder_are_not_listed() -> None:
    names = [b".", b"..", b"../../etc/passwd", b"/etc/passwd", b"a.csv", b"\xff.csv"]
    listed = b"".join(text(name) + text(b"") + struct.pack(">I", 0) for name in names)
    answers = [
        packet(102, struct.pack(">I", 1) + text(b"h")),
        packet(104, struct.pack(">II", 2, len(names)) + listed),
        packet(101, struct.pack(">II", 3, EOF)),
        packet(101, struct.pack(">II", 4, OK)),
    ]
    session = Session(Babbler(GREETING + b"".join(answers)), "server")
    assert [name for name, _ in session.names("/")] == ["a.csv", "\\xff.csv"]
