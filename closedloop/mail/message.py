"""A letter as messages for a mail server: one for each recipient, ready to be kept on disk."""

import uuid
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from closedloop.mail.render import as_html, as_text
from closedloop.model.letter import Letter
from closedloop.model.mail import Mail, bare
from closedloop.model.privacy import without_addresses

LONGEST_SUBJECT = 200
ENVELOPE = b"X-Closedloop-Recipient: "
"""The first line of a kept message: whom this copy is for. It is not sent."""


def messages(letter: Letter, settings: Mail) -> list[bytes]:
    """Return one message for each recipient, equal but for the envelope line, with one Message-ID."""
    whole = _message(letter, settings).as_bytes(policy=SMTP)
    return [b"%b%b\r\n%b" % (ENVELOPE, bare(to).encode(), whole) for to in settings.to]


def taken_apart(kept: bytes) -> tuple[str, bytes]:
    """Return recipient and message of what was kept; `ValueError` for anything else."""
    line, _, message = kept.partition(b"\r\n")
    if not line.startswith(ENVELOPE) or not message:
        raise ValueError("it is no kept message")
    return line.removeprefix(ENVELOPE).decode(), message


def _message(letter: Letter, settings: Mail) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = without_addresses(" ".join(letter.subject.split()))[:LONGEST_SUBJECT]
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Date"] = format_datetime(letter.written.astimezone(UTC))
    message["Message-ID"] = (
        f"<closedloop.{uuid.uuid4().hex}@{bare(settings.sender).partition('@')[2]}>"
    )
    # No out-of-office answers to a machine.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Content-Language"] = letter.language
    message.set_content(as_text(letter), cte="quoted-printable")
    message.add_alternative(as_html(letter), subtype="html", cte="quoted-printable")
    return message
