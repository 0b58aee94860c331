"""A small shop's customers: synthetic people, some of them with a bad address."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

FIRST = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emine",
    "Finn",
    "Greta",
    "Hatice",
    "Jörg",
    "Käthe",
    "Luca",
    "Mia",
)
LAST = (
    "Müller",
    "Schmidt",
    "Weiß",
    "Öztürk",
    "Fischer",
    "Nowak",
    "Klein",
    "O'Neill",
    "de Vries",
    'Groß "GG"',
)
DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")
HEAD = ("Email", "Anrede", "Vorname", "Nachname", "consent")
BLOCKLIST = """\
# Never mailed, whatever the customer database says. * stands for anything.
*@partner.example
noreply@*
"""

NO_CONSENT = 0.01

# One customer in ... has an address like this.
FLAWS = {
    401: "kunde{n}(at)example.com",
    499: "",
    307: "kunde{n}@partner.example",
    211: "  KUNDE{before}@EXAMPLE.COM ",
}


def write_customers(path: Path, count: int) -> None:
    """Write the customer database: the first `count` people, the same ones every time."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, delimiter=";", lineterminator="\n")
        out.writerow(HEAD)
        out.writerows(_customers(count))


def _customers(count: int) -> Iterator[tuple[str, ...]]:
    chance = random.Random(20261012)  # noqa: S311 the same people in every demo
    for number in range(1, count + 1):
        consent = "newsletter" if chance.random() > NO_CONSENT else "catalogue"
        salutation = chance.choice(("Frau", "Herr", ""))
        address = f"kunde{number}@{DOMAINS[number % 2 and chance.randrange(len(DOMAINS))]}"
        yield (
            _flawed(number, address),
            salutation,
            chance.choice(FIRST),
            chance.choice(LAST),
            consent,
        )


def _flawed(number: int, address: str) -> str:
    """Give some customers an address that won't do; the one in capitals is somebody else's as well."""
    flaw = next((text for every, text in FLAWS.items() if number % every == 0), None)
    even_before = number - 1 - (number - 1) % 2
    return address if flaw is None else flaw.format(n=number, before=even_before)
