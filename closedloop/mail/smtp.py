"""A conversation with one mail server: verified TLS, a log-in never in plain text, an end in sight."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from closedloop.model.mail import Mail, bare
from closedloop.model.privacy import without_addresses

STEP_SECONDS = 10.0
CLOSING = 421
MECHANISMS = ("PLAIN", "LOGIN")


class NotSent(Exception):
    """A message was not taken."""


class NoServer(NotSent):
    """Nothing can be sent now: the server is away, stalls, or can't be trusted."""


class NoLogIn(NoServer):
    """The server refuses the log-in: asking again soon may lock the account."""


class Conversation:
    """One connection, open for `limit_seconds` at most; then whatever it waits for fails.

    Only the look-up of the server's name is bounded by the machine's resolver instead. Raises `NotSent` and its
    kinds, and nothing else.
    """

    def __init__(
        self, settings: Mail, root: Path, environ: Mapping[str, str], limit_seconds: float
    ) -> None:
        self._settings = settings
        self._root = root
        self._environ = environ
        self._ends = time.monotonic() + limit_seconds
        self._opened = ExitStack()

    def send(self, recipient: str, message: bytes) -> None:
        """Hand a message over; it was taken once this returns."""
        with _speaking():
            self._smtp.sendmail(bare(self._settings.sender), [recipient], message)

    def __enter__(self) -> Self:
        try:
            with _speaking():
                self._begin()
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.quit()
        self._opened.close()

    def _begin(self) -> None:
        settings = self._settings
        line = self._dial()
        # The context is asked for before a word is said: a bad `ca` is found at once.
        context = ssl.create_default_context(cafile=self._ca())
        if settings.scheme == "smtps":
            line = context.wrap_socket(line, server_hostname=settings.host)
            self._opened.callback(line.close)
        self._smtp = _Smtp(line, settings.host)
        self._opened.callback(self._smtp.close)
        self._smtp.ehlo_or_helo_if_needed()
        if settings.needs_starttls:
            self._smtp.starttls(context=context)
            self._smtp.ehlo()
        if settings.user:
            self._log_in(settings.user)

    def _dial(self) -> socket.socket:
        """Connect, and let nobody wait longer than to the end."""
        failure: OSError = TimeoutError("out of time")
        found = socket.getaddrinfo(
            self._settings.host, self._settings.port, type=socket.SOCK_STREAM
        )
        for *_, where in found:
            patience = min(STEP_SECONDS, self._ends - time.monotonic())
            if patience <= 0:
                break
            try:
                line = socket.create_connection((str(where[0]), int(where[1])), timeout=patience)
            except OSError as error:
                failure = error
                continue
            self._opened.callback(line.close)
            self._hang_up_in_time(line)
            return line
        raise failure

    def _hang_up_in_time(self, line: socket.socket) -> None:
        # A server that drips one byte at a time never lets a time-out pass: at the end the line is cut under it. The
        # duplicate stays good when TLS takes the line over.
        other = line.dup()
        timer = threading.Timer(max(0, self._ends - time.monotonic()), _cut, [other])
        timer.daemon = True
        timer.start()
        self._opened.callback(other.close)
        self._opened.callback(timer.join)
        self._opened.callback(timer.cancel)

    def _ca(self) -> str | None:
        return str(self._root / self._settings.ca) if self._settings.ca else None

    def _log_in(self, user: str) -> None:
        offered = self._smtp.esmtp_features.get("auth", "").split()
        known = [mechanism for mechanism in MECHANISMS if mechanism in offered]
        if not known:
            raise NoServer("the server offers no log-in that we know (PLAIN, LOGIN)")
        self._smtp.user, self._smtp.password = user, self._password()
        ways = {"PLAIN": self._smtp.auth_plain, "LOGIN": self._smtp.auth_login}
        # One try only, with one mechanism: `login` would go through all of them.
        self._smtp.auth(known[0], ways[known[0]])

    def _password(self) -> str:
        settings = self._settings
        if settings.password_env:
            if password := self._environ.get(settings.password_env):
                return password
            raise NoServer(
                f"the environment variable {settings.password_env} is not set, nor is a systemd credential of this name there"
            )
        path = password_path(settings, self._root, self._environ)
        if path is None:
            raise NoServer("there is no folder of systemd credentials ($CREDENTIALS_DIRECTORY)")
        return path.read_text(encoding="utf-8").rstrip("\r\n")


def password_path(settings: Mail, root: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the file that holds the password, if it is in a file."""
    if settings.password_file:
        return root / settings.password_file
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if settings.password_credential and folder:
        return Path(folder) / settings.password_credential
    return None


class _Smtp(smtplib.SMTP):
    """SMTP over a connection that is there already."""

    def __init__(self, line: socket.socket, host: str) -> None:
        self._line = line
        own_name = socket.gethostname()
        # Never the full name: to find it may take as long as the resolver likes.
        super().__init__(
            host,
            local_hostname=own_name if "." in own_name else "[127.0.0.1]",
            timeout=STEP_SECONDS,
        )

    def _get_socket(self, *_: object) -> socket.socket:
        self._line.settimeout(STEP_SECONDS)
        return self._line


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def _speaking() -> Iterator[None]:
    """Turn what smtplib and the network raise into our words, without addresses."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise NoLogIn(f"the log-in was refused: {_answer(error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        ((code, text),) = error.recipients.values()
        raise NotSent(f"the recipient was refused: {code} {_plain(text)}") from None
    except smtplib.SMTPResponseException as error:
        kind = NoServer if error.smtp_code == CLOSING else NotSent
        raise kind(f"the server refused: {_answer(error)}") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NoServer(_plain(str(error) or type(error).__name__)) from None


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_plain(error.smtp_error)}"


def _plain(text: str | bytes) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return without_addresses(" ".join(words.split()))
