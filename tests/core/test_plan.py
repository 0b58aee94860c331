from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.plan import Plan, Window, plan, window
from closedloop.model.file import Counts, FileIdentity, Load, RemoteFile
from closedloop.model.run import MissingFile
from closedloop.model.table import Schema

TODAY = date(2026, 11, 20)
DUE = Window(TODAY, retention_days=14, today_is_due=True)
NOT_DUE = Window(TODAY, retention_days=14, today_is_due=False)
WRITTEN = datetime(2026, 11, 20, 4, tzinfo=UTC)


def a_schema(name: str, file: str | None = None) -> Schema:
    column = {"type": "int64", "name": "id"}
    table = {"name": name, "file": file or f"{{date:%Y%m%d}}_{name}.csv"}
    return Schema.model_validate({"table": table, "columns": {"id": column}})


SCHEMAS = {name: a_schema(name) for name in ("links", "clicks")}


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def name_of(schema: str, back: int) -> str:
    return f"{day(back):%Y%m%d}_{schema}.csv"


def listed(schema: str, back: int, size: int = 100, modified: datetime = WRITTEN) -> RemoteFile:
    return RemoteFile(name_of(schema, back), size, modified)


def loaded(file: RemoteFile, schema: str, back: int) -> Load:
    identity = FileIdentity("de", schema, file.name, day(back), file.size, file.modified, "0" * 64)
    return Load(identity, Counts(), WRITTEN)


def both(back: int) -> list[RemoteFile]:
    return [listed("clicks", back), listed("links", back)]


def taken(made: Plan) -> list[str]:
    return [planned.file.name for planned in made.take]


def test_an_empty_server_and_an_empty_warehouse_miss_nothing_yet() -> None:
    assert plan([], [], SCHEMAS, DUE) == Plan((), (), 0)


def test_what_is_new_is_taken_oldest_day_first_and_then_in_the_jobs_order() -> None:
    assert taken(plan([*both(0), *both(1)], [], SCHEMAS, DUE)) == [
        name_of("links", 1),
        name_of("clicks", 1),
        name_of("links", 0),
        name_of("clicks", 0),
    ]


def test_what_is_loaded_is_left() -> None:
    loads = [loaded(listed(schema, 0), schema, 0) for schema in SCHEMAS]
    assert plan(both(0), loads, SCHEMAS, DUE) == Plan((), (), 0)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(listed("clicks", 0, size=101), id="another size"),
        pytest.param(
            listed("clicks", 0, modified=WRITTEN + timedelta(seconds=1)), id="another time"
        ),
    ],
)
def test_a_file_of_another_size_or_time_is_restated(changed: RemoteFile) -> None:
    before = loaded(listed("clicks", 0), "clicks", 0)
    made = plan([changed, listed("links", 0)], [before], SCHEMAS, DUE)
    (planned,) = [each for each in made.take if each.schema.name == "clicks"]
    assert planned.known == before
    assert planned.day == TODAY


def test_two_weeks_of_silence_are_caught_up() -> None:
    listing = [file for back in range(14) for file in both(back)]
    made = plan(listing, [], SCHEMAS, DUE)
    assert len(made.take) == 28
    assert not made.missing


def test_what_the_server_still_has_is_taken_however_old() -> None:
    assert name_of("clicks", 40) in taken(plan([listed("clicks", 40)], [], SCHEMAS, DUE))


def test_a_missing_file_is_named_with_the_days_left() -> None:
    listing = [*both(2), listed("links", 1), *both(0)]
    assert plan(listing, [], SCHEMAS, DUE).missing == (MissingFile("clicks", day(1), 13),)


def test_a_day_of_which_nothing_came_is_missing_as_a_whole() -> None:
    made = plan([*both(2), *both(0)], [], SCHEMAS, DUE)
    assert [(gap.schema, gap.day) for gap in made.missing] == [
        ("links", day(1)),
        ("clicks", day(1)),
    ]


def test_a_file_that_was_loaded_and_then_forgotten_by_the_server_is_not_missing() -> None:
    loads = [loaded(listed(schema, 1), schema, 1) for schema in SCHEMAS]
    assert plan(both(0), loads, SCHEMAS, DUE).missing == ()


def test_today_is_missed_only_once_it_is_due() -> None:
    assert [gap.day for gap in plan(both(1), [], SCHEMAS, DUE).missing] == [TODAY, TODAY]
    assert plan(both(1), [], SCHEMAS, NOT_DUE).missing == ()


def test_days_before_the_first_delivery_are_not_missed() -> None:
    made = plan(both(1), [], SCHEMAS, NOT_DUE)
    assert made.missing == ()


def test_the_last_day_to_fetch_a_file_is_the_last_one_it_is_missed() -> None:
    loads = [loaded(listed(schema, 30), schema, 30) for schema in SCHEMAS]
    listing = [file for back in range(14) for file in both(back)]
    made = plan(listing, loads, SCHEMAS, DUE)
    assert made.missing == (MissingFile("links", day(14), 0), MissingFile("clicks", day(14), 0))


@pytest.mark.parametrize(
    "name",
    [
        "20261120_clicks.csv.tmp",
        ".20261120_clicks.csv",
        "20261120_orders.csv",
        "20261320_clicks.csv",
        "clicks.csv",
    ],
)
def test_a_name_that_is_not_ours_is_counted_and_left(name: str) -> None:
    made = plan([RemoteFile(name, 1, WRITTEN), *both(0)], [], SCHEMAS, DUE)
    assert made.ignored == 1
    assert len(made.take) == 2


def test_several_files_of_a_kind_and_day_are_all_taken() -> None:
    schemas = {"clicks": a_schema("clicks", "{date:%Y%m%d}_clicks{part}.csv")}
    names = ["20261120_clicks.csv", "20261120_clicks_1.csv", "20261120_clicks_2.csv"]
    made = plan([RemoteFile(name, 1, WRITTEN) for name in names], [], schemas, DUE)
    assert taken(made) == names
    assert not made.missing


def test_a_delivery_from_the_future_is_taken_and_nothing_is_missed() -> None:
    made = plan(both(-2), [], SCHEMAS, DUE)
    assert len(made.take) == 2
    assert not made.missing


@pytest.mark.parametrize(
    ("now", "today", "due"),
    [
        pytest.param("2026-11-20T10:59:00", TODAY, False, id="before noon there"),
        pytest.param("2026-11-20T11:00:00", TODAY, True, id="at noon there"),
        pytest.param("2026-11-20T23:30:00", day(-1), False, id="past midnight there"),
        pytest.param("2026-07-20T10:00:00", date(2026, 7, 20), True, id="in summer"),
    ],
)
def test_the_day_and_the_hour_are_the_clients(now: str, today: date, due: bool) -> None:  # noqa: FBT001 a case's own value
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = window(moment, ZoneInfo("Europe/Berlin"), 14, "12:00")
    assert (found.today, found.today_is_due) == (today, due)
