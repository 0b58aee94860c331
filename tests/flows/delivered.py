"""Response files as the platform writes them: heads, and rows that go with them."""

CLICKS = (
    b"linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;"
    b"click.browser;click.platform;click.device\n"
)
LEFT = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
LOG = b"id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category\n"
MAILINGS = b"id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n"


def click(browser: bytes = b"Firefox", number: int = 1) -> bytes:
    """Return a click of a recipient."""
    return b"71;44;%d;9;a@example.com;2026-11-19 12:00:00;%b;Linux;Desktop\n" % (number, browser)


def left(number: int, day: int = 19) -> bytes:
    """Return an unsubscribe of a recipient."""
    return b"44;%d;9;u%d@example.com;2026-11-%02d 12:00:00\n" % (number, number, day)


def logged(number: int, status: bytes = b"OK") -> bytes:
    """Return a row of the sending log."""
    return b"%d;44;9;u%d@example.com;2026-11-19 12:00:00;sent;%b;\n" % (number, number, status)
