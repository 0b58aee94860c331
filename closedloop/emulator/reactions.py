"""What the recipients of one mailing do, drawn from the seed: the same seed, the same reactions."""

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from closedloop.emulator.config import Reactions
from closedloop.emulator.store import Told

MINUTE, HOUR, DAY = 60, 3600, 86400
ODD = 0.005  # the share of status values that no document names
LONGEST = 20 * DAY  # the export covers mailings of the last 30 days
Detail = tuple[str | None, str | None, str | None]
NOTHING: Detail = (None, None, None)
APPLE: Detail = ("Apple Mail Privacy Protection", "unknown", None)
READERS: tuple[Detail, ...] = (
    ("Firefox 133.0", "Windows 10", "Desktop"),
    ("Chrome 131", "Windows 11", "Desktop"),
    ("Outlook 2021", "Windows 11", "Desktop"),
    ("Thunderbird 128", "Linux", "Desktop"),
    ("Gmail Image Proxy", None, None),
    ("Mobile Safari 18", "iOS 18", "Smartphone"),
    ("Chrome Mobile 131", "Android 15", "Smartphone"),
    ('Browser "im Kiosk"; v2', "Android 14", "Tablet"),
)
PAGES = (
    ("Startseite", "https://shop.example/"),
    ("Angebot der Woche", "https://shop.example/angebot?wave={m}&quelle=newsletter"),
    ("Über uns", "https://shop.example/über-uns"),
    ('Größe "L", Restposten', 'https://shop.example/suche?q="größe;l"&m={m}'),
    ("Blog; Ausgabe 12", "https://blog.shop.example/?a=1;b=2"),
    (None, "https://shop.example/impressum"),
)


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing that goes out: its number, its links and when it began."""

    client: str
    mailing_id: int
    started: int
    first_link: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address a mailing goes to; `sent` is in epoch seconds."""

    mailing_to_user_id: int
    address: str
    sent: int


def dice(*about: object) -> random.Random:
    """Return a source of chance that depends on nothing but its arguments."""
    return random.Random(":".join(map(str, about)))  # noqa: S311 - must be repeatable, hides nothing


def links(mailing: Mailing) -> Iterator[Told]:
    """Yield the tracked links of a mailing."""
    for offset, (name, url) in enumerate(PAGES):
        link = mailing.first_link + offset
        target = url.format(m=mailing.mailing_id)
        line = Told(mailing.client, "links", mailing.mailing_id, None, mailing.started, link)
        yield line._replace(a=name, b=target, key=link)


class Audience:
    """The people who get one mailing; each is asked once, in the order of sending."""

    def __init__(self, mailing: Mailing, shares: Reactions, seed: int, zone: ZoneInfo) -> None:
        self.mailing = mailing
        self.shares = shares
        self.seed = seed
        self.dice = dice(seed, mailing.client, mailing.mailing_id)
        # Most who click have loaded the pictures too; some never do.
        self.clicked = {
            True: 0.85 * shares.clicked / (shares.opened or 1),
            False: 0.15 * shares.clicked / ((1 - shares.opened) or 1),
        }
        self.repeated = _repeated_hour(mailing.started, zone) if shares.autumn_hour else None

    def told(self, to: Recipient) -> Iterator[Told]:
        """Yield everything this recipient makes the platform know."""
        verdict = self._verdict(to.address)
        if verdict:
            yield from self._bounce(to, verdict)
            return
        if self._happens(self.shares.unsendable):
            yield self._log(to, to.sent, "could_not_be_sent", None)
            return
        yield self._log(to, to.sent, "sent", "OK")
        yield from self._reads(to)
        yield from self._answers(to)

    def _verdict(self, address: str) -> str | None:
        """A dead address is dead in every mailing; a full mailbox mostly is."""
        fate = zlib.crc32(f"{self.seed}:{address.lower()}".encode()) / 2**32
        if fate < self.shares.hard:
            return "HARD"
        full = fate < self.shares.hard + self.shares.soft / 2
        return "SOFT" if self._happens(0.9 if full else self.shares.soft * 0.55) else None

    def _bounce(self, to: Recipient, verdict: str) -> Iterator[Told]:
        soft = self.dice.choice(("bounce", "temporary_bounce"))
        category = "fatal_bounce" if verdict == "HARD" else soft
        if self._happens(self.shares.late):
            yield self._log(to, to.sent, "sent", "OK")
            at = to.sent + self.dice.randint(12 * HOUR, 4 * DAY)
            yield self._log(to, at, "sent", verdict, category, version=2)
        elif self._happens(0.2):
            yield self._log(to, to.sent, "could_not_be_sent", verdict)
            return
        else:
            at = to.sent + self.dice.randint(1, 3 * MINUTE)
            yield self._log(to, at, "sent", verdict, category)
        yield self._event("responses", to, at, (category, None, None))

    def _reads(self, to: Recipient) -> Iterator[Told]:
        if self._happens(self.shares.automated):
            yield from self._automated(to)
        opens = self._happens(self.shares.opened)
        if opens:
            yield from self._opens(to)
        if self._happens(self.clicked[opens]):
            yield from self._clicks(to)
        if self._happens(self.shares.unsubscribed):
            yield self._event("unsubscribes", to, self._when(to.sent + MINUTE, 8 * HOUR), NOTHING)

    def _automated(self, to: Recipient) -> Iterator[Told]:
        for _ in range(2 if self._happens(0.15) else 1):
            at = self._when(to.sent, 40 * MINUTE)
            yield self._event("automated_opens", to, at, APPLE)

    def _opens(self, to: Recipient) -> Iterator[Told]:
        at = self._when(to.sent, 9 * HOUR)
        yield self._open(to, at)
        while self._happens(0.35):
            at = min(self._when(at, 30 * HOUR), to.sent + LONGEST)
            yield self._open(to, at)

    def _open(self, to: Recipient, at: int) -> Told:
        # The link of an open is a tracking pixel, which the links file does not hold.
        pixel = self.mailing.first_link + len(PAGES) if self._happens(0.5) else None
        return self._event("opens", to, at, self.dice.choice(READERS), pixel)

    def _clicks(self, to: Recipient) -> Iterator[Told]:
        at = self._when(to.sent + MINUTE, 10 * HOUR)
        reader = self.dice.choice(READERS)
        for _ in range(1 + self._happens(0.3)):
            link = self.mailing.first_link + self.dice.randrange(len(PAGES))
            for _ in range(1 + self._happens(self.shares.doubled)):
                yield self._event("clicks", to, at, reader, link)
            at += self.dice.randint(2, 5 * MINUTE)

    def _answers(self, to: Recipient) -> Iterator[Told]:
        """Somebody writes back, or a machine does; the sending log repeats it."""
        drawn = self.dice.random()
        if drawn < self.shares.autoresponded:
            category, mean = "autoresponder", 2 * MINUTE
        elif drawn < self.shares.autoresponded + self.shares.replied:
            category, mean = "unknown", 20 * HOUR
        elif self.shares.unknown_values and drawn > 1 - ODD:
            category, mean = "challenge_response", HOUR
        else:
            return
        at = self._when(to.sent + 1, mean)
        status = "OK" if category != "challenge_response" else "DEFERRED"
        yield self._log(to, at, "sent", status, category, version=2)
        yield self._event("responses", to, at, (category, None, None))

    def _happens(self, share: float) -> bool:
        return self.dice.random() < share

    def _when(self, after: int, mean: int) -> int:
        """Soon rather than late, as people read their mail; sometimes in the repeated hour."""
        at = after + min(int(self.dice.expovariate(1 / mean)), LONGEST)
        if self.repeated and after < self.repeated - HOUR < at and self._happens(0.3):
            return self.repeated + self.dice.randrange(-HOUR, HOUR)
        return at

    def _log(
        self,
        to: Recipient,
        at: int,
        sending: str,
        delivery: str | None,
        category: str | None = None,
        *,
        version: int = 1,
    ) -> Told:
        line = self._event("mailingrecipients", to, at, (sending, delivery, category))
        return line._replace(key=to.mailing_to_user_id, version=version)

    def _event(
        self, kind: str, to: Recipient, at: int, detail: Detail, link: int | None = None
    ) -> Told:
        mailing = self.mailing
        number = to.mailing_to_user_id
        return Told(mailing.client, kind, mailing.mailing_id, number, at, link, *detail)


def _repeated_hour(start: int, zone: ZoneInfo) -> int | None:
    """Return when the local clock is set back within the month after `start`, if it is."""
    before = datetime.fromtimestamp(start - start % HOUR, UTC)
    for hour in range(1, 31 * 24):
        moment = before + timedelta(hours=hour)
        earlier = (moment - timedelta(hours=1)).astimezone(zone).utcoffset()
        later = moment.astimezone(zone).utcoffset()
        if earlier is not None and later is not None and later < earlier:
            return int(moment.timestamp())
    return None
