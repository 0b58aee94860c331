"""A real mail server on this machine, with a certificate of an authority of its own."""

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_key
from cryptography.x509.oid import NameOID

from closedloop.mail.mailer import SpooledMailer
from closedloop.model.letter import Cell, Figure, Letter, Section, Step, Table
from closedloop.model.mail import Mail
from closedloop.state import StateFolder

MAGIC_WORDS = "open sesame"


@dataclass
class PostOffice:
    """A mail server: what it got, who logged in, and whom it refuses."""

    port: int = 0
    got: list[tuple[str, EmailMessage]] = field(default_factory=list)
    log_ins: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.got += [(to, message) for to in envelope.rcpt_tos]
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        self.log_ins.append((given.login.decode(), mechanism))
        return AuthResult(success=given.password == MAGIC_WORDS.encode(), handled=False)


@dataclass(frozen=True)
class Authority:
    """A certificate authority: the file to trust, and a server's own context."""

    ca: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    ca_key, server_key = new_key(SECP256R1()), new_key(SECP256R1())
    ca = _certificate("An authority", ca_key, "An authority", ca_key, is_ca=True)
    own = _certificate("localhost", server_key, "An authority", ca_key, is_ca=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        server_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + own.public_bytes(pem)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", context)


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: EllipticCurvePrivateKey,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=is_ca, crl_sign=is_ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )


Opening = Callable[..., PostOffice]


@pytest.fixture(scope="session")
def clerk() -> Iterator[asyncio.AbstractEventLoop]:
    """The thread that all post offices work in."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def opened(clerk: asyncio.AbstractEventLoop) -> Iterator[Opening]:
    """Open post offices; they close at the end."""
    servers: list[asyncio.Server] = []

    async def listen(office: PostOffice, ssl_context: ssl.SSLContext | None, given: Any) -> int:
        server = await clerk.create_server(
            lambda: SMTP(office, loop=clerk, hostname="localhost", **given),
            "127.0.0.1",
            0,
            ssl=ssl_context,
        )
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close() -> None:
        for server in servers:
            server.close()
        await asyncio.sleep(0.02)

    def begin(
        *, ssl_context: ssl.SSLContext | None = None, with_log_in: bool = False, **given: Any
    ) -> PostOffice:
        office = PostOffice()
        if with_log_in:
            given |= {"authenticator": office.authenticate, "auth_required": True}
        listening = asyncio.run_coroutine_threadsafe(listen(office, ssl_context, given), clerk)
        office.port = listening.result(timeout=10)
        return office

    yield begin
    asyncio.run_coroutine_threadsafe(close(), clerk).result(timeout=10)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "var")


@pytest.fixture
def mailing(tmp_path: Path, state: StateFolder) -> Callable[..., SpooledMailer]:
    """Return a maker of mailers that write to a post office's port."""

    def make(port: int, environ: dict[str, str] | None = None, **changed: Any) -> SpooledMailer:
        limit = changed.pop("limit_seconds", 5.0)
        given = {
            "url": f"smtp://127.0.0.1:{port}",
            "from": "closedloop <closedloop@example.com>",
            "to": ("ops@example.com",),
            **changed,
        }
        settings = Mail.model_validate(given)
        return SpooledMailer(settings, tmp_path, state, environ or {}, limit)

    return make


@pytest.fixture
def letter() -> Letter:
    table = Table(
        ("File", "Rows"),
        ((Cell("clicks"), Cell("1,200", "good", 0.25)), (Cell("opens"), Cell("-"))),
    )
    return Letter(
        subject="[closedloop] de pull 2026-11-20: 8 files",
        language="en",
        written=datetime(2026, 11, 20, 6, 10, tzinfo=UTC),
        tone="good",
        verdict="All well",
        headline="de pull_responses",
        figures=(Figure("8", "files"),),
        sections=(
            Section("What to do", ("Nothing.",), steps=(Step("A glance:", "closedloop status"),)),
            Section("Files", table=table),
        ),
        footer=("Run 1",),
    )
