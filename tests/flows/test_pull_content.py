"""What a pull makes of the bytes of a file: rows, rejects kept as they stood, or a refusal with what to do."""

import pytest

from closedloop.errors import ProjectError
from closedloop.model.run import FileStatus, PullResult, RunReport
from tests.flows.delivered import CLICKS, LEFT, LOG, click, left, logged
from tests.flows.desk import Desk
from tests.flows.told import files, only, pulled


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
    again = desk.pull("2026-11-20T12:10").result
    assert again == PullResult(missing=pulled(report).missing)


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


def test_a_value_outside_the_list_is_loaded_with_a_warning(desk: Desk) -> None:
    desk.put("20261120_mailingrecipients.csv", LOG + logged(1) + logged(2, b"DEFERRED"))
    file = only(desk.pull())
    assert file.counts.loaded == 2
    assert file.warnings == ("column 'delivery_status': 1 rows: not one of OK, HARD, SOFT",)


WELLE = (
    '[columns]\nWELLE_ID = { name = "wave_id", type = "int64", nullable = true, optional = true }\n'
)


def test_a_column_added_to_a_schema_comes_into_the_warehouse_and_older_files_still_load(
    desk: Desk,
) -> None:
    desk.put("20261119_mailingrecipients.csv", LOG + logged(1))
    desk.pull()
    desk.edit("schemas/mailing_recipients.toml", "[columns]\n", WELLE)
    with_wave = LOG.replace(b"id;", b"WELLE_ID;id;", 1) + b"20261117060000;" + logged(2)
    desk.put("20261120_mailingrecipients.csv", with_wave)
    desk.put("20261118_mailingrecipients.csv", LOG + logged(3))
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


def test_a_long_file_comes_in_whole(desk: Desk) -> None:
    rows = b"".join(left(number) for number in range(400_000))
    desk.put("20261120_unsubscribes.csv", LEFT + rows)
    assert only(desk.pull()).counts.loaded == 400_000
