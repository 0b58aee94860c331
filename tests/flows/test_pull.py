"""What a pull promises: every delivered row once, in a known order, and every gap named."""

from pathlib import Path
from typing import Any

from closedloop.core.report import troubles
from closedloop.errors import RemoteError
from closedloop.model.file import RemoteFile
from closedloop.model.run import FileStatus
from closedloop.remote.base import Progress, quiet
from closedloop.remote.memory import MemoryRemote
from tests.flows.delivered import CLICKS, LEFT, LOG, click, left, logged
from tests.flows.desk import Desk
from tests.flows.told import files, only, pulled


def test_names_that_do_not_fit_exactly_are_ignored_and_counted(desk: Desk) -> None:
    for name in ("20261120_clicks.csv.tmp", "x20261120_clicks.csv", "20261340_clicks.csv", "READ"):
        desk.put(name, b"anything")
    result = pulled(desk.pull())
    assert (result.files, result.ignored) == ((), 4)


def test_of_a_day_the_smaller_files_are_loaded_first_and_the_report_keeps_its_order(
    desk: Desk,
) -> None:
    desk.put("20261120_clicks.csv", CLICKS + 3 * click())
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    desk.put("20261119_clicks.csv", CLICKS + 9 * click())
    report = desk.pull()
    loaded = [row["file"] for row in desk.rows("select file from loads order by load_id")]
    assert loaded == ["20261119_clicks.csv", "20261120_unsubscribes.csv", "20261120_clicks.csv"]
    assert list(files(report)) == [
        "20261119_clicks.csv",
        "20261120_clicks.csv",
        "20261120_unsubscribes.csv",
    ]


def test_one_bad_file_does_not_stop_the_others(desk: Desk) -> None:
    desk.put("20261120_clicks.csv", b"no;header;of;ours\n")
    desk.put("20261120_opens.csv", CLICKS)
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    report = desk.pull()
    assert {name: file.status for name, file in files(report).items()} == {
        "20261120_clicks.csv": FileStatus.REFUSED,
        "20261120_opens.csv": FileStatus.REFUSED,
        "20261120_unsubscribes.csv": FileStatus.LOADED,
    }
    assert report.exit_code == 1


def test_a_platform_that_halted_is_named_until_it_is_cleared(desk: Desk) -> None:
    desk.add_errors_folder()
    desk.remote.put("/errors/20261117060000_subscribers.csv.error", b"1;QUOTING;")
    (told,) = troubles(desk.pull())
    assert told.startswith("the platform left 20261117060000_subscribers.csv.error")
    desk.remote.remove("/errors/20261117060000_subscribers.csv.error")
    assert troubles(desk.pull()) == []


def test_a_file_that_cannot_be_fetched_is_said_to_be_and_comes_next_time(desk: Desk) -> None:
    class Refusing(MemoryRemote):
        def fetch(self, folder: str, file: Any, *rest: Any) -> str:
            if "clicks" in file.name:
                raise RemoteError(f"{file.name}: permission denied")
            return desk.remote.fetch(folder, file, *rest)

        def listing(self, folder: str) -> list[Any]:
            return desk.remote.listing(folder)

    desk.put("20261120_clicks.csv", CLICKS + click())
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    report = desk.pull(remote=Refusing())
    assert files(report)["20261120_clicks.csv"].status is FileStatus.UNREACHABLE
    assert files(report)["20261120_unsubscribes.csv"].status is FileStatus.LOADED
    assert report.exit_code == 69
    assert only(desk.pull()).name == "20261120_clicks.csv"


def test_a_long_wait_for_a_file_lets_others_into_the_warehouse(desk: Desk) -> None:
    held: list[bool] = []

    class Slow(MemoryRemote):
        def fetch(
            self, folder: str, file: RemoteFile, target: Path, progress: Progress = quiet
        ) -> str:
            for whole in (1_000, 1_000_000_000):
                progress(0, whole)
                opened = (path.resolve() for path in Path("/proc/self/fd").iterdir())
                held.append(any(path.name == "warehouse.duckdb" for path in opened))
            return desk.remote.fetch(folder, file, target)

        def listing(self, folder: str) -> list[Any]:
            return desk.remote.listing(folder)

    desk.put("20261120_clicks.csv", CLICKS + click())
    assert only(desk.pull(remote=Slow())).status is FileStatus.LOADED
    assert held == [True, False]


def test_a_restated_file_takes_the_place_of_what_it_was(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1) + left(2))
    desk.pull()
    desk.put("20261120_unsubscribes.csv", LEFT + left(2) + left(3), "2026-11-20T09:00")
    assert only(desk.pull()).status is FileStatus.RESTATED
    found = desk.rows("select mailing_to_user_id as who from unsubscribes order by 1")
    assert [row["who"] for row in found] == [2, 3]
    assert len(desk.left("archive")) == 2


def test_a_second_pull_has_nothing_to_do(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    assert files(desk.pull("2026-11-20T12:10")) == {}


def test_a_missing_file_is_named_with_the_days_left(desk: Desk) -> None:
    for day in (18, 19):
        for name in ("clicks", "opens"):
            desk.put(f"202611{day}_{name}.csv", b"")
    desk.remote.remove("/outgoing/20261119_opens.csv")
    desk.edit("jobs/pull_responses.toml", '["mailings", "mailing_recipients", "links", ', "[")
    desk.edit("jobs/pull_responses.toml", ', "automated_opens", "unsubscribes", "responses"]', "]")
    before = pulled(desk.pull("2026-11-20T10:00"))
    after = pulled(desk.pull("2026-11-20T11:00"))
    assert [(m.schema, m.day.day, m.days_left) for m in before.missing] == [("opens", 19, 13)]
    assert [(m.schema, m.day.day, m.days_left) for m in after.missing] == [
        ("opens", 19, 13),
        ("clicks", 20, 14),
        ("opens", 20, 14),
    ]


def test_a_missing_file_is_fetched_when_it_appears(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    desk.put("20261118_unsubscribes.csv", LEFT + left(2))
    assert only(desk.pull("2026-11-22T12:00")).name == "20261118_unsubscribes.csv"


def test_two_weeks_of_silence_are_made_up_for_at_once(desk: Desk) -> None:
    for day in range(6, 21):
        desk.put(f"202611{day:02}_unsubscribes.csv", LEFT + left(day, day))
    report = desk.pull()
    assert len(files(report)) == 15
    assert list(files(report)) == sorted(files(report))
    assert len(desk.rows("select * from unsubscribes")) == 15


def test_references_that_have_not_come_yet_are_reported_and_not_rejected(desk: Desk) -> None:
    desk.put("20261120_clicks.csv", CLICKS + click())
    report = desk.pull()
    assert only(report).counts.loaded == 1
    assert "20261120_clicks.csv: 1 row with a link_id that points at nothing yet" in report.notes


def test_a_dry_run_takes_nothing_in(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    report = desk.pull(dry_run=True)
    assert report.notes == ("would take in 20261120_unsubscribes.csv (98 bytes)",)
    assert (desk.left("landing"), desk.left("archive")) == ([], [])
    assert len(files(desk.pull())) == 1


def test_events_that_come_in_two_files_count_once_and_are_reported(desk: Desk) -> None:
    twice = click(number=1) + click(number=1)
    desk.put("20261119_clicks.csv", CLICKS + twice + click(number=2))
    assert only(desk.pull()).warnings == ()
    desk.put("20261120_clicks.csv", CLICKS + click(number=1) + twice + click(number=3))
    (again,) = only(desk.pull()).warnings
    assert again == "3 rows stand in other files, too; the views count them once"
    counted = desk.rows(
        "select mailing_to_user_id as who, count(*) as n from clicks group by 1 order by 1"
    )
    assert [(row["who"], row["n"]) for row in counted] == [(1, 3), (2, 1), (3, 1)]


def test_a_row_that_comes_again_with_its_key_is_no_overlap(desk: Desk) -> None:
    desk.put("20261119_mailingrecipients.csv", LOG + logged(1))
    desk.put("20261120_mailingrecipients.csv", LOG + logged(1) + logged(2))
    assert [file.warnings for file in files(desk.pull()).values()] == [(), ()]
