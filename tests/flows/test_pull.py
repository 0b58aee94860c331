"""What a pull promises: every delivered row once, whatever happens on the way."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from closedloop.core.report import troubles
from closedloop.errors import ProjectError, RemoteError
from closedloop.model.file import RemoteFile
from closedloop.model.run import FileStatus, PullResult, RunReport
from closedloop.remote.base import Progress, quiet
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk

CLICKS = (
    b"linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;"
    b"click.browser;click.platform;click.device\n"
)
LEFT = b"mailingId;mailingToUserId;mailingGroupId;userId;created\n"
LOG = b"id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category\n"


def click(browser: bytes = b"Firefox", number: int = 1) -> bytes:
    return b"71;44;%d;9;a@example.com;2026-11-19 12:00:00;%b;Linux;Desktop\n" % (number, browser)


def left(number: int, day: int = 19) -> bytes:
    return b"44;%d;9;u%d@example.com;2026-11-%02d 12:00:00\n" % (number, number, day)


def sent(number: int, status: bytes = b"OK") -> bytes:
    return b"%d;44;9;u%d@example.com;2026-11-19 12:00:00;sent;%b;\n" % (number, number, status)


def files(report: RunReport) -> dict[str, Any]:
    assert isinstance(report.result, PullResult)
    return {file.name: file for file in report.result.files}


def only(report: RunReport) -> Any:
    (file,) = files(report).values()
    return file


# One row for each line of what was measured before building.
@pytest.mark.parametrize(
    ("odd", "loaded", "rejected", "rule"),
    [
        pytest.param(b"71;44\n", 2, 1, "2 fields where 9 are expected", id="short line"),
        pytest.param(
            click()[:-1] + b";x\n", 2, 1, "10 fields where 9 are expected", id="long line"
        ),
        pytest.param(click(b'"Fire\nfox"'), 3, 0, "", id="newline inside quotes"),
        pytest.param(click(b'"Firefox'), 2, 1, "quote not closed", id="unclosed quote"),
        pytest.param(click(b'"b"x'), 2, 1, "text after a closing quote", id="text after a quote"),
        pytest.param(click(b'b"x'), 3, 0, "", id="quote inside a field"),
        pytest.param(click(b"\xff"), 2, 1, "not UTF-8", id="bad UTF-8"),
        pytest.param(click(b"a\0b"), 2, 1, "holds a NUL or control character", id="NUL"),
        pytest.param(click().replace(b"\n", b"\r\n"), 3, 0, "", id="mixed line ends"),
    ],
)
def test_an_odd_line_is_kept_or_rejected_alone(
    desk: Desk, odd: bytes, loaded: int, rejected: int, rule: str
) -> None:
    desk.put("20261120_clicks.csv", CLICKS + click(number=1) + odd + click(number=2))
    report = desk.pull()
    counts = only(report).counts
    assert (counts.loaded, counts.quarantined, counts.blank, counts.header) == (
        loaded,
        rejected,
        0,
        1,
    )
    assert [(row["line"], row["rule"]) for row in desk.quarantine()] == [("3", rule)] * rejected
    assert len(desk.rows("select * from clicks")) == loaded
    assert report.exit_code == 0


def test_a_rejected_row_is_kept_as_it_stood(desk: Desk) -> None:
    bad = click(b"B\xc3\xb6se", number=1).replace(b"2026-11-19", b"2026-02-30")
    broken = click(b'"never closed')
    desk.put("20261120_clicks.csv", CLICKS + bad + broken + click())
    file = only(desk.pull())
    assert desk.quarantine() == [
        {
            "line": "2",
            "column": "clicked_at",
            "rule": "not a timestamp like 2021-01-01 12:07:55",
            "raw": bad.decode().rstrip("\n"),
        },
        {
            "line": "3",
            "column": "",
            "rule": "quote not closed",
            "raw": click(b'"never closed').decode().rstrip("\n"),
        },
    ]
    assert file.quarantine.startswith("var/quarantine/de/20261120_clicks.csv.")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + CLICKS + click() + click(), id="byte order mark"),
        pytest.param((CLICKS + click() + click()).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param((CLICKS + click() + click())[:-1], id="no last newline"),
        pytest.param(click() + click(), id="no header, by position"),
    ],
)
def test_a_file_may_be_written_in_other_ways(desk: Desk, content: bytes) -> None:
    desk.put("20261120_clicks.csv", content)
    assert only(desk.pull()).counts.loaded == 2
    assert {row["browser"] for row in desk.rows("select * from clicks")} == {"Firefox"}


def test_blank_lines_are_counted_and_are_no_rows(desk: Desk) -> None:
    desk.put("20261120_clicks.csv", CLICKS + b"\n" + click() + b"\r\n" + click() + b"\n")
    counts = only(desk.pull()).counts
    assert (counts.loaded, counts.blank, counts.quarantined, counts.records) == (2, 3, 0, 6)


def test_an_empty_file_is_a_load_without_rows_and_with_a_warning(desk: Desk) -> None:
    desk.put("20261120_clicks.csv", b"")
    report = desk.pull()
    assert (only(report).counts.records, report.exit_code) == (0, 0)
    assert only(report).warnings == ("the file is empty, not even a header",)
    assert desk.pull("2026-11-20T12:10").result == PullResult(
        missing=report.result.missing if isinstance(report.result, PullResult) else ()
    )


def test_columns_are_found_by_name_in_any_order(desk: Desk) -> None:
    text = b"created;USERID;mailingId;mailingGroupId;mailingToUserId\n2026-11-19 12:00:00;a@b.de;1;2;3\n"
    desk.put("20261120_unsubscribes.csv", text)
    desk.pull()
    (row,) = desk.rows("select * from unsubscribes")
    assert (row["recipient"], row["mailing_id"], row["client_id"], row["mailing_to_user_id"]) == (
        "a@b.de",
        1,
        2,
        3,
    )


def test_a_column_may_come_under_an_alias(desk: Desk) -> None:
    head = b"mailingId;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n"
    desk.put("20261120_mailings.csv", head + b"44;;9;1;2026-11-19 12:00:00;\n")
    desk.pull()
    assert [row["mailing_id"] for row in desk.rows("select * from mailings")] == [44]


def test_a_column_that_the_schema_does_not_name_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT.replace(b"\n", b";reason\n"))
    report = desk.pull()
    assert (only(report).status, report.exit_code) == (FileStatus.REFUSED, 1)
    assert "column 'reason'" in only(report).detail
    assert 'set extra = "ignore"' in only(report).detail


def test_a_column_that_the_schema_does_not_name_can_be_ignored(desk: Desk) -> None:
    desk.edit("schemas/unsubscribes.toml", 'extra       = "refuse"', 'extra = "ignore"')
    text = LEFT.replace(b"\n", b";reason\n") + left(1).replace(b"\n", b";bored\n")
    desk.put("20261120_unsubscribes.csv", text)
    assert only(desk.pull()).counts.loaded == 1


def test_names_that_do_not_fit_exactly_are_ignored_and_counted(desk: Desk) -> None:
    for name in ("20261120_clicks.csv.tmp", "x20261120_clicks.csv", "20261340_clicks.csv", "READ"):
        desk.put(name, b"anything")
    result = desk.pull().result
    assert isinstance(result, PullResult)
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
    desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nupload ')
    desk.remote.put("/errors/20261117060000_subscribers.csv.error", b"1;QUOTING;")
    (told,) = troubles(desk.pull())
    assert told.startswith("the platform left 20261117060000_subscribers.csv.error")
    desk.remote.remove("/errors/20261117060000_subscribers.csv.error")
    assert troubles(desk.pull()) == []


def test_a_file_without_one_right_row_is_refused_until_the_schema_is_mended(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1).replace(b" ", b"T"))
    report = desk.pull()
    assert (only(report).status, report.exit_code) == (FileStatus.REFUSED, 1)
    desk.edit(
        "schemas/unsubscribes.toml",
        'type = "timestamp"',
        'type = "timestamp", format = "%Y-%m-%dT%H:%M:%S"',
    )
    assert desk.pull().exit_code == 75
    (again,) = desk.restart()
    assert isinstance(again, RunReport)
    assert (only(again).counts.loaded, desk.pull().exit_code) == (1, 0)
    assert [error.resolution.by for error in desk.resolved_errors() if error.resolution] == [
        "retried"
    ]


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
            for left in (1_000, 1_000_000_000):
                progress(0, left)
                opened = (path.resolve() for path in Path("/proc/self/fd").iterdir())
                held.append(any(path.name == "warehouse.duckdb" for path in opened))
            return desk.remote.fetch(folder, file, target)

        def listing(self, folder: str) -> list[Any]:
            return desk.remote.listing(folder)

    desk.put("20261120_clicks.csv", CLICKS + click())
    assert only(desk.pull(remote=Slow())).status is FileStatus.LOADED
    assert held == [True, False]


def test_too_many_rejects_refuse_a_file_and_leave_its_earlier_load(desk: Desk) -> None:
    desk.edit("jobs/pull_responses.toml", "reject_floor = 20", "reject_floor = 1")
    desk.put("20261120_unsubscribes.csv", LEFT + left(1) + left(2))
    desk.pull()
    bad = left(4).replace(b"9;", b"x;")
    desk.put("20261120_unsubscribes.csv", LEFT + left(3) + bad + bad, "2026-11-20T09:00")
    report = desk.pull()
    assert (only(report).status, report.exit_code) == (FileStatus.REFUSED, 1)
    assert "2 of 3 rows rejected" in only(report).detail
    assert "u4@" not in only(report).detail
    assert len(desk.rows("select * from unsubscribes")) == 2
    assert [row["line"] for row in desk.quarantine()] == ["3", "4"]


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
    before = desk.pull("2026-11-20T10:00").result
    after = desk.pull("2026-11-20T11:00").result
    assert isinstance(before, PullResult)
    assert isinstance(after, PullResult)
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


def test_a_value_outside_the_list_is_loaded_with_a_warning(desk: Desk) -> None:
    desk.put("20261120_mailingrecipients.csv", LOG + sent(1) + sent(2, b"DEFERRED"))
    file = only(desk.pull())
    assert file.counts.loaded == 2
    assert file.warnings == ("column 'delivery_status': 1 rows: not one of OK, HARD, SOFT",)


def test_a_lost_ledger_is_made_anew_from_the_warehouse(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    (desk.root / "var" / "ledger.sqlite").unlink()
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    assert list(files(desk.pull())) == ["20261120_unsubscribes.csv"]
    assert files(desk.pull("2026-11-20T12:10")) == {}
    assert len(desk.rows("select * from unsubscribes")) == 2


def test_a_lost_warehouse_is_filled_again_when_something_new_comes(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    (desk.root / "var" / "warehouse.duckdb").unlink()
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    assert len(files(desk.pull())) == 2
    assert len(desk.rows("select * from unsubscribes")) == 2


def test_a_day_is_taken_in_again_from_the_server(desk: Desk) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.put("20261120_unsubscribes.csv", LEFT + left(2))
    desk.pull()
    report = desk.pull(day=date(2026, 11, 19))
    assert (only(report).name, only(report).status) == (
        "20261119_unsubscribes.csv",
        FileStatus.RELOADED,
    )
    assert len(desk.rows("select * from unsubscribes")) == 2
    assert desk.left("landing") == []


@pytest.mark.parametrize("lost", ["", "ledger.sqlite", "warehouse.duckdb"])
def test_a_day_that_the_server_forgot_is_taken_in_from_the_archive(desk: Desk, lost: str) -> None:
    desk.put("20261119_unsubscribes.csv", LEFT + left(1))
    desk.pull()
    desk.put("20261119_unsubscribes.csv", LEFT + left(1) + left(2), "2026-11-20T06:00")
    desk.pull()
    desk.remote.remove("/outgoing/20261119_unsubscribes.csv")
    if lost:
        (desk.root / "var" / lost).unlink()
    file = only(desk.pull(day=date(2026, 11, 19)))
    assert (file.counts.loaded, desk.left("landing")) == (2, [])
    assert len(desk.rows("select * from unsubscribes")) == 2
    assert len(desk.left("archive")) == 2


def test_a_day_of_which_nothing_is_left_is_said_to_be_gone(desk: Desk) -> None:
    with pytest.raises(ProjectError, match="no file of this day is on the server"):
        desk.pull(day=date(2026, 11, 20))


WELLE = (
    '[columns]\nWELLE_ID = { name = "wave_id", type = "int64", nullable = true, optional = true }\n'
)


def test_a_column_added_to_a_schema_comes_into_the_warehouse_and_older_files_still_load(
    desk: Desk,
) -> None:
    desk.put("20261119_mailingrecipients.csv", LOG + sent(1))
    desk.pull()
    desk.edit("schemas/mailing_recipients.toml", "[columns]\n", WELLE)
    with_wave = LOG.replace(b"id;", b"WELLE_ID;id;", 1) + b"20261117060000;" + sent(2)
    desk.put("20261120_mailingrecipients.csv", with_wave)
    desk.put("20261118_mailingrecipients.csv", LOG + sent(3))
    report = desk.pull()
    assert [file.status for file in files(report).values()] == [FileStatus.LOADED] * 2
    assert any("column 'wave_id' is new" in note for note in report.notes)
    found = desk.rows(
        "select mailing_to_user_id as who, wave_id from mailing_recipients order by 1"
    )
    assert [(row["who"], row["wave_id"]) for row in found] == [
        (1, None),
        (2, 20261117060000),
        (3, None),
    ]


def test_a_column_taken_out_of_a_schema_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.put("20261119_clicks.csv", CLICKS + click())
    desk.pull()
    text = (desk.root / "schemas" / "clicks.toml").read_text()
    line = next(line for line in text.splitlines() if "click.device" in line)
    desk.edit("schemas/clicks.toml", line, "")
    desk.put("20261120_clicks.csv", CLICKS + click())
    with pytest.raises(ProjectError, match=r"column 'device' is gone .*optional = true"):
        desk.pull()
    assert len(desk.rows("select * from raw_clicks")) == 1


def test_a_dry_run_takes_nothing_in(desk: Desk) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    report = desk.pull(dry_run=True)
    assert report.notes == ("would take in 20261120_unsubscribes.csv (98 bytes)",)
    assert (desk.left("landing"), desk.left("archive")) == ([], [])
    assert len(files(desk.pull())) == 1


def test_a_long_file_comes_in_whole(desk: Desk) -> None:
    rows = b"".join(left(number) for number in range(400_000))
    desk.put("20261120_unsubscribes.csv", LEFT + rows)
    assert only(desk.pull()).counts.loaded == 400_000


def test_a_file_fetched_by_a_killed_run_is_not_lost_when_the_server_forgets_it(
    desk: Desk, kill: Callable[..., bool]
) -> None:
    desk.put("20261120_unsubscribes.csv", LEFT + left(1))
    looks = 0
    while desk.left("landing") != ["20261120_unsubscribes.csv"]:
        looks += 1
        assert kill(desk.pull, looks, before=False)
    desk.remote.remove("/outgoing/20261120_unsubscribes.csv")
    assert only(desk.pull("2026-12-10T12:00")).counts.loaded == 1
    assert desk.left("landing") == []


@pytest.mark.parametrize("before", [True, False], ids=["before an act", "after an act"])
def test_a_pull_killed_anywhere_is_made_good_by_the_next_one(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool], *, before: bool
) -> None:
    bad = left(3).replace(b"9;", b"x;")
    looks, was_killed = 0, True
    while was_killed:
        looks += 1
        desk = new_desk(str(looks))
        desk.put("20261120_unsubscribes.csv", LEFT + left(1) + left(1) + bad)
        was_killed = kill(desk.pull, looks, before=before)
        desk.pull("2026-11-20T12:10")
        found = desk.rows("select mailing_to_user_id as who from raw_unsubscribes")
        assert [row["who"] for row in found] == [1, 1], f"killed at {looks}"
        assert [row["line"] for row in desk.quarantine()] == ["4"], f"killed at {looks}"
        assert (len(desk.left("archive")), desk.left("landing")) == (1, []), f"killed at {looks}"
        assert files(desk.pull("2026-11-20T12:20")) == {}, f"killed at {looks}"
    assert looks > 10


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
    desk.put("20261119_mailingrecipients.csv", LOG + sent(1))
    desk.put("20261120_mailingrecipients.csv", LOG + sent(1) + sent(2))
    assert [file.warnings for file in files(desk.pull()).values()] == [(), ()]
