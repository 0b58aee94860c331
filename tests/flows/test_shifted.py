"""Columns that changed places, in files that only their position tells: refused though every cell parses."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, count

import pytest

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.platform import Platform
from closedloop.model.run import FileOutcome, FileStatus
from tests.flows.desk import Desk
from tests.flows.told import files

SECONDS = count()
LOADED = {FileStatus.LOADED, FileStatus.RESTATED}
FIRST = date(2026, 10, 22)
DAYS = 6
LIVELY = Reactions(
    hard=0.1, soft=0.1, opened=0.8, automated=0.5, clicked=0.6, unsubscribed=0.2, replied=0.2
)
NUMBERS = {
    "mailings": (0, 2, 3),
    "mailingrecipients": (0, 1, 2),
    "links": (0, 1, 3),
    "clicks": (0, 1, 2, 3),
    "opens": (0, 1, 2, 3),
    "automated_opens": (0, 1, 2),
    "unsubscribes": (0, 1, 2),
    "responses": (0, 1, 2),
}
TEXTS = {
    "mailingrecipients": (3, 5, 6, 7),
    "links": (4, 5),
    "clicks": (4, 6, 7, 8),
    "opens": (4, 6, 7, 8),
    "automated_opens": (3, 5, 6),
    "responses": (3, 5),
}


@pytest.fixture
def busy(desk: Desk) -> tuple[Desk, dict[str, bytes]]:
    """A desk with some days loaded, and the files of the next, which has not come yet, by kind."""
    platform = Platform(
        desk.root / "platform", Config(seed=7, reactions=LIVELY, export=Export(header=False))
    )
    desk.customers(*(f"kunde{number}@example.com" for number in range(200)))
    folder = platform.places.upload(platform.config.account("de"))
    outgoing = platform.places.download(platform.config.account("de"))
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        morning = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=4)
        platform.export(morning)
        desk.send(f"{day}T04:10", again=True)
        for file in desk.remote.listing("/incoming"):
            (folder / file.name).write_bytes(desk.remote.read(f"/incoming/{file.name}"))
            desk.remote.remove(f"/incoming/{file.name}")
        platform.tick(morning + timedelta(minutes=20))
        if number < DAYS - 1:
            for path in outgoing.iterdir():
                desk.put(path.name, path.read_bytes(), f"{day}T04:00")
    day = FIRST + timedelta(days=DAYS - 1)
    desk.pull(f"{day}T05:00")
    last = {
        path.stem.partition("_")[2]: path.read_bytes() for path in outgoing.glob(f"{day:%Y%m%d}_*")
    }
    return desk, last


def swapped(content: bytes, one: int, other: int) -> bytes:
    out = io.StringIO()
    rows = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=";")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for cells in rows:
        cells[one], cells[other] = cells[other], cells[one]
        writer.writerow(cells)
    return out.getvalue().encode()


def take(desk: Desk, kind: str, content: bytes) -> FileOutcome:
    written = datetime(2026, 10, 27, 4, tzinfo=UTC) + timedelta(seconds=next(SECONDS))
    desk.put(f"20261027_{kind}.csv", content, written.isoformat()[:19])
    outcome: FileOutcome = files(desk.pull("2026-10-27T07:00"))[f"20261027_{kind}.csv"]
    return outcome


def test_numbers_that_changed_places_refuse_the_file(busy: tuple[Desk, dict[str, bytes]]) -> None:
    desk, last = busy
    taken = {
        (kind, *pair): take(desk, kind, swapped(last[kind], *pair)).status
        for kind, places in NUMBERS.items()
        for pair in combinations(places, 2)
    }
    assert [what for what, status in taken.items() if status is not FileStatus.REFUSED] == []
    assert {take(desk, kind, last[kind]).status for kind in NUMBERS} <= LOADED


def test_texts_that_changed_places_refuse_a_file_of_any_size(
    busy: tuple[Desk, dict[str, bytes]],
) -> None:
    desk, last = busy
    for rows in (1, 2, 1000):
        first = {kind: b"".join(last[kind].splitlines(keepends=True)[:rows]) for kind in TEXTS}
        taken = {
            (kind, *pair): take(desk, kind, swapped(first[kind], *pair)).detail
            for kind, places in TEXTS.items()
            for pair in combinations(places, 2)
        }
        assert [
            (rows, what, said) for what, said in taken.items() if "looks like" not in said
        ] == []
        assert {take(desk, kind, first[kind]).status for kind in TEXTS} <= LOADED


def test_a_shifted_column_is_named_with_what_it_looks_like_and_what_to_do(
    busy: tuple[Desk, dict[str, bytes]],
) -> None:
    desk, last = busy
    file = take(desk, "unsubscribes", swapped(last["unsubscribes"], 0, 2))
    assert (
        "column 1 (mailing_id) looks like client_id, column 3 (client_id) looks like mailing_id"
        in file.detail
    )
    assert 'set shifted = "ignore" there' in file.detail
    desk.edit("schemas/unsubscribes.toml", "[columns]", 'shifted = "ignore"\n[columns]')
    assert take(desk, "unsubscribes", swapped(last["unsubscribes"], 0, 2)).status in LOADED


def test_a_header_in_the_usual_order_is_believed_and_another_order_is_looked_at(
    busy: tuple[Desk, dict[str, bytes]],
) -> None:
    desk, last = busy
    names = [b"mailingId", b"mailingToUserId", b"mailingGroupId", b"userId", b"created"]
    rows = swapped(last["unsubscribes"], 0, 1)
    other = names[1::-1] + names[2:]
    assert take(desk, "unsubscribes", b";".join(other) + b"\n" + rows).status in LOADED
    odd = [names[2], *names[:2], *names[3:]]
    assert take(desk, "unsubscribes", b";".join(odd) + b"\n" + rows).status is FileStatus.REFUSED
    assert take(desk, "unsubscribes", b";".join(names) + b"\n" + rows).status in LOADED
