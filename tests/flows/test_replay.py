"""Rejected rows that are right by now: loaded once, beside the others, and never lost again."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from closedloop.cli import cli, outcome
from closedloop.core.corrected import MORE_THAN_ONE, NOTHING_LEFT, TWO_WAYS
from closedloop.errors import ClosedLoopError, ProjectError
from closedloop.flows.replay import TAKEN_OUT
from closedloop.ledger import Ledger
from closedloop.model.run import FileStatus
from tests.flows.desk import Desk
from tests.flows.told import pulled

NAME = "20261120_unsubscribes.csv"
# Another order than the schema's: who only looks at the rejected rows can't know it.
HEAD = b"mailingToUserId;mailingId;mailingGroupId;userId;created\n"
STAMP = "not a timestamp like 2021-01-01 12:07:55"


def left(number: int, at: str = "2026-11-19 12:00:00") -> bytes:
    return f"{number};44;9;u{number}@example.com;{at}\n".encode()


@pytest.fixture
def loaded(desk: Desk) -> Desk:
    """A desk whose one file has the rejected lines 3 and 5 beside two right rows."""
    return fill(desk)


def fill(desk: Desk) -> Desk:
    bad = left(2, "2026-11-19T12:00:00"), left(4, "2026-02-30 12:00:00")
    desk.put(NAME, HEAD + left(1) + bad[0] + left(3) + bad[1])
    desk.pull()
    return desk


def kept(desk: Desk) -> list[tuple[int, int]]:
    rows = desk.rows("select line, mailing_to_user_id as who from raw_unsubscribes order by line")
    return [(row["line"], row["who"]) for row in rows]


def counts(desk: Desk) -> tuple[int, int, int]:
    """What the warehouse says of the file, if the ledger says the same and its rows are there."""
    (load,) = desk.rows("select * from loads")
    with Ledger(desk.root / "var" / "ledger.sqlite") as ledger:
        (known,) = ledger.files("de")
    assert (known.counts.loaded, known.counts.quarantined) == (load["loaded"], load["quarantined"])
    assert load["loaded"] == len(kept(desk))
    rejects = desk.rows('select sum("rows") as n from rejects')[0]["n"] or 0
    assert (rejects >= load["quarantined"]) == (load["quarantined"] > 0 or rejects == 0)
    return load["records"], load["loaded"], load["quarantined"]


def quarantine_file(desk: Desk) -> Path:
    (path,) = (desk.root / "var" / "quarantine" / "de").glob(f"{NAME}.????????.csv")
    return path


def corrected(desk: Desk, **texts: str) -> Path:
    """A copy of the quarantine file, or of some of its rows, as an operator hands it in: `line_3="..."`."""
    path = desk.root / "corrected.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        out = csv.writer(stream, delimiter=",", lineterminator="\r\n")
        out.writerow(["Line", "column", "rule", "Raw"])
        for line, text in texts.items():
            out.writerow([line.removeprefix("line_"), "", "", text])
    return path


def text(number: int, at: str = "2026-11-19 12:00:00") -> str:
    return left(number, at).decode().rstrip("\n")


def test_a_corrected_row_joins_its_load_and_the_others_stay(loaded: Desk) -> None:
    done = loaded.replay(NAME, corrected(loaded, line_3=text(2)))
    assert (done.loaded, done.left) == (1, 1)
    assert kept(loaded) == [(2, 1), (3, 2), (4, 3)]
    assert [(row["line"], row["rule"]) for row in loaded.quarantine() if row["line"] == "5"] == [
        ("5", STAMP)
    ]
    assert counts(loaded) == (5, 3, 1)
    assert pulled(loaded.pull()).files == ()


def test_a_second_replay_changes_nothing(loaded: Desk) -> None:
    copy = corrected(loaded, line_3=text(2))
    loaded.replay(NAME, copy)
    before = loaded.rows("select * from loads"), quarantine_file(loaded).read_bytes()
    assert loaded.replay(NAME, copy).loaded == 0
    assert (loaded.rows("select * from loads"), quarantine_file(loaded).read_bytes()) == before


def test_the_quarantine_file_itself_may_be_corrected(loaded: Desk) -> None:
    path = quarantine_file(loaded)
    path.write_text(path.read_text().replace("T12:00", " 12:00").replace("02-30", "02-28"))
    assert loaded.replay(NAME).left == 0
    assert kept(loaded) == [(2, 1), (3, 2), (4, 3), (5, 4)]
    assert counts(loaded) == (5, 4, 0)
    assert loaded.left("quarantine") == [f"{path.stem}.corrected.csv"]


def test_after_the_schema_was_mended_nothing_needs_to_be_corrected(loaded: Desk) -> None:
    loaded.edit(
        "schemas/unsubscribes.toml",
        'type = "timestamp"',
        'type = "timestamp", format = "%Y-%m-%dT%H:%M:%S"',
    )
    assert (loaded.replay(NAME).loaded, kept(loaded)) == (1, [(2, 1), (3, 2), (4, 3)])


def test_a_row_that_is_still_wrong_stays_with_its_new_reason(loaded: Desk) -> None:
    still = text(2).replace("44;", "4x4;")
    done = loaded.replay(NAME, corrected(loaded, line_3=still))
    assert done.why == (
        ("mailing_id", "not a whole number", 1),
        ("unsubscribed_at", STAMP, 1),
    )
    assert loaded.quarantine()[0] == {
        "line": "3",
        "column": "mailing_id",
        "rule": "not a whole number",
        "raw": still,
    }
    assert counts(loaded) == (5, 2, 2)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        pytest.param("", NOTHING_LEFT, id="nothing"),
        pytest.param(f"{text(2)}\n{text(2)}", MORE_THAN_ONE, id="two records"),
        pytest.param("1;2;3", "3 fields where 5 are expected", id="too short"),
        pytest.param(text(2).replace("9;", '"9;'), "quote not closed", id="an open quote"),
    ],
)
def test_a_correction_that_is_no_record_loads_nothing(loaded: Desk, raw: str, rule: str) -> None:
    assert loaded.replay(NAME, corrected(loaded, line_3=raw)).loaded == 0
    assert [row["rule"] for row in loaded.quarantine() if row["line"] == "3"] == [rule]


def test_a_row_corrected_in_two_ways_is_not_guessed(loaded: Desk) -> None:
    path = corrected(loaded, line_3=text(2))
    path.write_text(path.read_text() + f"3,,,{text(7)}\n")
    assert loaded.replay(NAME, path).why[0] == ("", TWO_WAYS, 2)
    assert kept(loaded) == [(2, 1), (4, 3)]


def test_of_a_row_with_several_reasons_one_text_may_be_corrected(desk: Desk) -> None:
    desk.put(NAME, HEAD + left(1) + b"x;y;9;u@example.com;2026-11-19 12:00:00\n")
    desk.pull()
    path = quarantine_file(desk)
    first, second, third = path.read_text().splitlines()
    path.write_text("\n".join([first, second.replace("x;y", "2;44"), third]) + "\n")
    assert (desk.replay(NAME).left, kept(desk)) == (0, [(2, 1), (3, 2)])


@pytest.mark.parametrize("line", ["line_4", "line_99"])
def test_a_line_that_nobody_rejected_is_refused(loaded: Desk, line: str) -> None:
    if line == "line_4":  # a right row, which is there already
        assert loaded.replay(NAME, corrected(loaded, **{line: text(7)})).loaded == 0
    else:
        with pytest.raises(ProjectError, match=r"line 99 is not among its rejected rows"):
            loaded.replay(NAME, corrected(loaded, **{line: text(7)}))
    assert kept(loaded) == [(2, 1), (4, 3)]
    assert counts(loaded) == (5, 2, 2)


def test_a_replay_that_is_refused_keeps_no_correction_for_later(loaded: Desk) -> None:
    with pytest.raises(ProjectError, match="line 77 is not among its rejected rows"):
        loaded.replay(NAME, corrected(loaded, line_3=text(2), line_77=text(7)))
    assert loaded.left("quarantine") == [quarantine_file(loaded).name]
    loaded.pull(day=date(2026, 11, 20))
    assert kept(loaded) == [(2, 1), (4, 3)]


@pytest.mark.parametrize("line", [4, 1, 99], ids=["loaded", "the header", "nowhere"])
def test_a_wrong_line_number_in_the_quarantine_file_is_refused_with_nothing_touched(
    loaded: Desk, line: int
) -> None:
    path = quarantine_file(loaded)
    path.write_text(path.read_text().replace("\n3;", f"\n{line};").replace("T12:00", " 12:00"))
    before = path.read_bytes()
    for copy in (None, corrected(loaded, line_5=text(4))):
        with pytest.raises(ProjectError, match=f"line {line} is not among its rejected rows"):
            loaded.replay(NAME, copy)
    assert path.read_bytes() == before
    assert loaded.left("quarantine") == [path.name]
    assert counts(loaded) == (5, 2, 2)


def test_bytes_that_are_no_text_must_be_corrected_before_they_load(desk: Desk) -> None:
    name = "20261120_clicks.csv"
    head = b"linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;click.browser;click.platform;click.device\n"
    row = b"7;44;1;9;a@example.com;2026-11-19 12:00:00;%b;Linux;Desktop\n"
    desk.put(name, head + row % b"Fox" + row % b"Gr\xfc\xdf")
    desk.pull()
    assert desk.replay(name).why == (("", "not UTF-8", 1),)
    (path,) = (desk.root / "var" / "quarantine" / "de").glob("*.csv")
    path.write_text(path.read_text().replace(r"\xfc\xdf", "üß"))
    assert desk.replay(name).left == 0
    assert {row["browser"] for row in desk.rows("select * from clicks")} == {"Fox", "Grüß"}


def test_a_beginning_of_a_record_that_was_too_long_is_not_the_record(desk: Desk) -> None:
    desk.put(NAME, HEAD + left(1) + left(2)[:-1] + b"0" * (1 << 20) + b"\n")
    desk.pull()
    desk.edit("schemas/unsubscribes.toml", 'type = "timestamp"', 'type = "string"')
    (row,) = desk.quarantine()
    assert len(row["raw"]) == 1 << 20
    with pytest.raises(ProjectError, match="no longer fits"):
        desk.replay(NAME)
    desk.edit(
        "schemas/unsubscribes.toml",
        'type = "string", description',
        'type = "timestamp", description',
    )
    assert desk.replay(NAME).why == (("", "longer than 1048576 bytes", 1),)


def test_rows_taken_out_of_the_quarantine_file_stay_counted(loaded: Desk) -> None:
    path = quarantine_file(loaded)
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    done = loaded.replay(NAME)
    assert (done.left, done.why) == (2, (("unsubscribed_at", STAMP, 1), ("", TAKEN_OUT, 1)))
    assert counts(loaded) == (5, 2, 2)


def test_a_dry_replay_changes_nothing(loaded: Desk) -> None:
    before = loaded.quarantine(), loaded.rows("select * from loads")
    done = loaded.replay(NAME, corrected(loaded, line_3=text(2)), dry=True)
    assert (done.loaded, done.left) == (1, 1)
    assert (loaded.quarantine(), loaded.rows("select * from loads")) == before


@pytest.mark.parametrize("lost", ["", "warehouse.duckdb", "ledger.sqlite"])
def test_corrections_hold_whenever_the_file_is_loaded_again(loaded: Desk, lost: str) -> None:
    loaded.replay(NAME, corrected(loaded, line_3=text(2)))
    before = kept(loaded), counts(loaded)
    if lost:
        (loaded.root / "var" / lost).unlink()
    loaded.pull(day=date(2026, 11, 20))
    assert (kept(loaded), counts(loaded)) == before
    assert [row["line"] for row in loaded.quarantine() if row["rule"] != "corrected"] == ["5"]


def test_another_content_of_the_file_knows_nothing_of_corrections(loaded: Desk) -> None:
    loaded.replay(NAME, corrected(loaded, line_3=text(2)))
    loaded.put(NAME, HEAD + left(1) + left(2, "never") + left(5), "2026-11-20T09:00")
    assert [file.status for file in pulled(loaded.pull()).files] == [FileStatus.RESTATED]
    assert kept(loaded) == [(2, 1), (4, 5)]


def test_a_refused_file_is_not_replayed(desk: Desk) -> None:
    desk.put(NAME, HEAD + left(2, "never"))
    desk.pull()
    with pytest.raises(ProjectError, match="refused as a whole"):
        desk.replay(NAME)


def test_without_the_archived_copy_nobody_knows_the_columns(loaded: Desk) -> None:
    for path in (loaded.root / "var" / "archive").rglob("*.zst"):
        path.unlink()
    with pytest.raises(ClosedLoopError, match="its archived copy var/archive/"):
        loaded.replay(NAME)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"a;b\n1;2\n", "names no column 'line'", id="another file"),
        pytest.param(b"line;raw\nx;y\n", "row 2: needs a line number", id="no number"),
        pytest.param(b"line;raw\n3\n", "row 2: needs a line number", id="no text"),
        pytest.param(b"line;raw\n3;\xfc\n", "not UTF-8", id="not UTF-8"),
        pytest.param(b"", "names no column 'line'", id="empty"),
    ],
)
def test_a_copy_that_was_spoilt_is_refused(loaded: Desk, content: bytes, said: str) -> None:
    path = loaded.root / "corrected.csv"
    path.write_bytes(content)
    with pytest.raises(ProjectError, match=said):
        loaded.replay(NAME, path)


@pytest.mark.parametrize("before", [True, False], ids=["before an act", "after an act"])
def test_a_replay_killed_anywhere_is_made_good_by_the_next_one(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool], *, before: bool
) -> None:
    looks, was_killed = 0, True
    while was_killed:
        looks += 1
        desk = fill(new_desk(str(looks)))
        copy = corrected(desk, line_3=text(2))
        was_killed = kill(
            lambda fuse, at=desk, of=copy: at.replay(NAME, of, fuse=fuse), looks, before=before
        )
        desk.pull("2026-11-20T12:10")
        desk.replay(NAME, copy)
        assert kept(desk) == [(2, 1), (3, 2), (4, 3)], f"killed at {looks}"
        assert counts(desk) == (5, 3, 1), f"killed at {looks}"
        assert [row["line"] for row in desk.quarantine() if row["rule"] != "corrected"] == ["5"]
    assert looks > 8


def test_a_corrected_row_of_somebody_forgotten_is_loaded_without_the_name(loaded: Desk) -> None:
    words = ["--project", str(loaded.root), "forget", "u2@example.com"]
    assert outcome(lambda: cli.main(words, standalone_mode=False)) == 0
    assert loaded.quarantine()[0]["raw"] == "forgotten"
    assert loaded.replay(NAME, corrected(loaded, line_3=text(2))).loaded == 1
    found = loaded.rows("select recipient from raw_unsubscribes where mailing_to_user_id = 2")
    assert found == [{"recipient": None}]
    assert "u2@" not in "".join(row["raw"] for row in loaded.quarantine())
    assert loaded.rows("select rule from rejects") == [{"rule": STAMP}]
