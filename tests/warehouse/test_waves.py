"""How a wave finds the mailing that it became: by the number its recipients carry, or by time and count."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from closedloop.model.table import Column, Schema
from closedloop.model.wave import Wave, WaveState
from closedloop.warehouse.base import Warehouse
from tests.warehouse.mailed import Row, Take, only, recipients

WAVE = Wave(
    client="de",
    wave_id=20260301060000,
    job="send_newsletter",
    source_mailing=44018617811,
    file="20260301060000_subscribers.csv",
    slot=None,
    test=False,
    state=WaveState.PUBLISHED,
    selected=4,
    written=4,
    dropped={},
    size=900,
    sha256="a" * 64,
    built_at=datetime(2026, 3, 1, 5, tzinfo=UTC),
    published_at=datetime(2026, 3, 1, 5, 1, tzinfo=UTC),
)


def matches(warehouse: Warehouse) -> dict[int, tuple[Any, ...]]:
    found = warehouse.rows("SELECT * FROM waves")
    return {row["wave_id"]: (row["mailing_id"], row["matched_by"], row["seen"], row["not_seen"]) for row in found}  # fmt: skip


@pytest.mark.parametrize(
    ("started", "size", "is_ours"),
    [
        pytest.param("1 05:20", 4, True, id="soon after"),
        pytest.param("1 04:50", 4, True, id="clocks differ by ten minutes"),
        pytest.param("1 04:49", 4, False, id="before it was built"),
        pytest.param("2 17:01", 4, True, id="36 hours after"),
        pytest.param("2 17:02", 4, False, id="too late"),
        pytest.param("1 05:20", 2, True, id="half arrived"),
        pytest.param("1 05:20", 1, False, id="too few"),
        pytest.param("1 05:20", 5, False, id="too many"),
    ],
)
def test_a_wave_finds_its_mailing_by_time_and_count(
    warehouse: Warehouse, take: Take, started: str, size: int, *, is_ours: bool
) -> None:
    take("mailings", 2, [{"mailing_id": 1, "started_at": started}])
    take("mailing_recipients", 2, recipients(1, *[{}] * size))
    warehouse.record_waves([WAVE])
    found = (1, "time and count", size, 4 - size) if is_ours else (None, None, None, None)
    assert matches(warehouse) == {WAVE.wave_id: found}


def test_a_mailing_of_the_hour_that_comes_twice_may_be_an_hour_later(
    warehouse: Warehouse, take: Take
) -> None:
    started = {"mailing_id": 1, "started_at": "1 04:10", "started_at_ambiguous": True}
    take("mailings", 2, [started])
    take("mailing_recipients", 2, recipients(1, *[{}] * 4))
    warehouse.record_waves([WAVE])
    assert matches(warehouse) == {WAVE.wave_id: (1, "time and count", 4, 0)}


def sizes(*of_mailing: int) -> list[Row]:
    """Return the sending log of mailings 1, 2, ... of so many recipients."""
    rows = [row for n, size in enumerate(of_mailing, 1) for row in recipients(n, *[{}] * size)]
    return [{**row, "mailing_to_user_id": n} for n, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("waves", "mailings", "expected"),
    [
        pytest.param(
            [("05:01:00", 2), ("05:01:03", 2), ("05:02:00", 4)],
            [("05:10:00", 2), ("05:10:04", 2), ("05:10:08", 4)],
            [1, 2, 3],
            id="two tests and a wave",
        ),
        pytest.param(
            [("05:01:00", 3), ("05:01:03", 3), ("05:01:06", 3)],
            [("05:10:00", 2), ("05:10:04", 2), ("05:10:08", 2)],
            [1, 2, 3],
            id="not everybody arrived",
        ),
        pytest.param(
            [("05:01:00", 4), ("05:05:00", 4)],
            [("05:10:00", 3), ("09:00:00", 3)],
            [1, 2],
            id="the second long after",
        ),
        pytest.param(
            [("05:01:00", 4), ("15:01:00", 4)], [("15:10:00", 4)], [None, 1], id="one never came"
        ),
        pytest.param(
            [("05:01:00", 4)], [("05:02:00", 3), ("07:00:00", 4)], [2], id="count before time"
        ),
        pytest.param(
            [("05:01:00", 4), ("05:02:00", 3)], [("05:10:00", 3)], [None, 1], id="whose count it is"
        ),
        pytest.param(
            [("05:01:00", 4)], [("05:02:00", 4), ("05:30:00", 4)], [1], id="the nearest of two"
        ),
        pytest.param(
            [("05:01:00", 4), ("05:01:03", 4)], [("05:00:58", 4), ("05:01:01", 4)], [1, 2], id="a clock that is late"
        ),
    ],
)  # fmt: skip
def test_waves_find_their_mailings_by_count_then_time_each_mailing_once(
    warehouse: Warehouse,
    take: Take,
    waves: list[tuple[str, int]],
    mailings: list[tuple[str, int]],
    expected: list[int | None],
) -> None:
    started = [{"mailing_id": n, "started_at": f"1 {at}"} for n, (at, _) in enumerate(mailings, 1)]
    take("mailings", 2, started)
    take("mailing_recipients", 2, sizes(*(size for _, size in mailings)))
    unsent = replace(WAVE, wave_id=99, published_at=None, state=WaveState.BUILT)
    ours = [
        replace(WAVE, wave_id=n, written=size, published_at=datetime.fromisoformat(f"2026-03-01T{at}Z"))
        for n, (at, size) in enumerate(waves, 1)
    ]  # fmt: skip
    warehouse.record_waves([*ours, unsent])
    found = {wave: mailing for wave, (mailing, *_) in matches(warehouse).items()}
    assert found == {**dict(enumerate(expected, 1)), 99: None}


@pytest.fixture
def with_wave_id(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The shipped schemas, with the WELLE_ID that the platform sends back on request."""
    log = schemas["mailing_recipients"]
    column = Column(header="WELLE_ID", name="wave_id", type="int64", nullable=True)
    changed = log.model_copy(update={"columns": {**log.columns, "WELLE_ID": column}})
    return {**schemas, log.name: changed}


def test_a_wave_finds_its_mailing_by_the_number_its_recipients_carry(
    warehouse: Warehouse, take: Take, with_wave_id: dict[str, Schema]
) -> None:
    warehouse.prepare(list(with_wave_id.values()))
    carried = recipients(1, *[{"wave_id": WAVE.wave_id}] * 2)
    take("mailings", 2, [{"mailing_id": 1, "started_at": "9 05:00"}, {"mailing_id": 2, "started_at": "1 05:01"}])  # fmt: skip
    take("mailing_recipients", 2, carried, shape=with_wave_id["mailing_recipients"])
    warehouse.record_waves([WAVE])
    row = only(warehouse, "waves")
    assert (row["mailing_id"], row["matched_by"], row["mailings"]) == (1, "WELLE_ID", 1)
    assert (row["seen"], row["not_seen"], row["delivered"]) == (2, 2, 2)


def test_a_wave_that_was_mailed_twice_shows_it(
    warehouse: Warehouse, take: Take, with_wave_id: dict[str, Schema]
) -> None:
    warehouse.prepare(list(with_wave_id.values()))
    rows = recipients(1, *[{"wave_id": WAVE.wave_id}] * 3)
    rows[2]["mailing_id"] = 2
    take("mailing_recipients", 2, rows, shape=with_wave_id["mailing_recipients"])
    warehouse.record_waves([WAVE])
    row = only(warehouse, "waves")
    assert (row["mailing_id"], row["mailings"]) == (1, 2)
