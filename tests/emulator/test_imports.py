from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from closedloop.emulator.config import Config, Export, Reactions
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError

NAME = "20261120070000_subscribers.csv"
LATER = "20261127070000_subscribers.csv"
SOURCE = 44018617811

Make = Callable[..., Platform]
Lines = Callable[..., bytes]
Drop = Callable[[Platform, str, bytes], Path]
People = Callable[[int], list[str]]


def test_a_wave_is_mailed_once_and_every_row_has_one_fate(
    make: Make, lines: Lines, drop: Drop, start: datetime
) -> None:
    platform = make(Config(unsubscribed=("gone@example.com",)))
    addresses = [
        "anna@example.com",
        "ANNA@example.com",
        "no-at-sign",
        "two@@example.com",
        ".dot@example.com",
        "",
        "x@Blocked.example",
        "Abuse@example.com",
        "Gone@example.com",
        "bert@example.com",
    ]
    drop(platform, NAME, lines(addresses))
    [result] = platform.tick(start)
    assert result.outcome == "sent"
    assert result.dropped == {"blocklisted": 2, "duplicate": 1, "invalid": 4, "unsubscribed": 1}
    assert result.rows == result.mailed + sum(result.dropped.values()) == len(addresses)
    truth = {20261120070000: {"anna@example.com": 1, "bert@example.com": 1}}
    assert platform.record().mailed("de") == truth
    assert platform.tick(start + timedelta(minutes=10)) == []
    assert platform.record().mailed() == truth


def test_only_final_names_are_taken(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    others = [
        f"{NAME}.tmp",
        f".{NAME}",
        "2026112007000_subscribers.csv",
        "products.csv",
        f"{NAME}\n",
    ]
    left = [drop(platform, name, lines(["anna@example.com"])) for name in others]
    assert platform.tick(start) == []
    assert all(path.exists() for path in left)


def test_an_imported_file_leaves_the_upload_folder(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    path = drop(platform, NAME, lines(["anna@example.com"]))
    platform.tick(start)
    assert not path.exists()
    kept = platform.places.root / "processed" / "de" / NAME
    assert kept.read_bytes() == lines(["anna@example.com"])


def test_a_file_that_stays_is_imported_once(
    make: Make, lines: Lines, drop: Drop, start: datetime
) -> None:
    platform = make(Config(keep_uploads=True))
    path = drop(platform, NAME, lines(["anna@example.com"]))
    assert len(platform.tick(start)) == 1
    assert platform.tick(start) == []
    assert path.exists()
    assert platform.record().halted() == []


def test_a_name_can_be_used_once_only(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    drop(platform, NAME, lines(["anna@example.com"]))
    platform.tick(start)
    drop(platform, NAME, lines(["bert@example.com"]))
    [result] = platform.tick(start)
    assert result.outcome == "import_failed"
    assert platform.record().mailed() == {20261120070000: {"anna@example.com": 1}}


def test_a_wave_uploaded_twice_is_mailed_twice_and_the_record_says_so(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    for name in (NAME, LATER):
        drop(platform, name, lines(["anna@example.com"]))
    platform.tick(start)
    assert platform.record().mailed() == {20261120070000: {"anna@example.com": 2}}


def test_a_file_without_wave_is_known_by_its_name(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    drop(platform, NAME, lines(["anna@example.com"], wave=""))
    platform.tick(start)
    assert platform.record().mailed() == {NAME: {"anna@example.com": 1}}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"", b"0;EMPTY;", id="empty"),
        pytest.param(b"anna@example.com;1;2;a;b\n", b"1;COLUMNS;", id="a column too few"),
        pytest.param(b"anna@example.com;1;2;a;b;c;\n", b"1;COLUMNS;", id="a column too many"),
        pytest.param(b"anna@example.com;1;2;a;b;c\r\n", b"1;QUOTING;carriage", id="crlf"),
        pytest.param(b'"anna@example.com"x;1;2;a;b;c\n', b"1;QUOTING;", id="text after a quote"),
        pytest.param(b'anna@example.com;1;2;a"b";b;c\n', b"1;QUOTING;", id="a quote inside"),
        pytest.param(b'anna@example.com;1;2;a;b;"c\n', b"1;QUOTING;", id="never closed"),
        pytest.param(b"anna@example.com;1;2;\xfc;b;c\n", b"1;ENCODING;", id="latin-1"),
        pytest.param(b"\xef\xbb\xbfanna@example.com;1;2;a;b;c\n", b"1;ENCODING;", id="bom"),
        pytest.param(b"anna@example.com;;2;a;b;c\n", b"1;MISSING;", id="no source mailing"),
        pytest.param(b"anna@example.com;x1;2;a;b;c\n", b"1;NUMBER;", id="no number"),
        pytest.param(b"anna@example.com;1;9223372036854775808;a;b;c\n", b"1;NUMBER;", id="too big"),
        pytest.param(
            b"anna@example.com;1;2;" + b"a" * 256 + b";b;c\n", b"1;LENGTH;", id="a long text"
        ),
        pytest.param(
            b"anna@example.com;1;2;a;b;c\nb@example.com;2;2;a;b;c\n",
            b"2;SEVERAL;",
            id="two source mailings",
        ),
        pytest.param(
            b"anna@example.com;1;2;a;b;c\nb@example.com;1;3;a;b;c\n", b"2;SEVERAL;", id="two waves"
        ),
        pytest.param(
            b'a;1;2;"x\ny";b;c\nanna@example.com;1;2\n', b"3;COLUMNS;", id="after a line break"
        ),
    ],
)
def test_a_broken_file_mails_nobody_and_halts(
    platform: Platform, drop: Drop, start: datetime, content: bytes, error: bytes
) -> None:
    drop(platform, NAME, content)
    [result] = platform.tick(start)
    assert result.outcome == "import_failed"
    assert platform.record().mailed() == {}
    assert platform.record().halted() == ["de"]
    told = (platform.places.root / "sftp/de/errors" / f"{NAME}.error").read_bytes()
    assert told.startswith(error)
    assert b"@" not in told


def test_every_broken_line_is_listed(platform: Platform, drop: Drop, start: datetime) -> None:
    drop(platform, NAME, b'a@b.de;1;2\na@b.de;1;2;3;4;5\n"a@b.de;1;2;3;4;5\nx;y;z;1;2;3\n')
    platform.tick(start)
    told = (platform.places.root / "sftp/de/errors" / f"{NAME}.error").read_text()
    assert [line.split(";")[:2] for line in told.splitlines()] == [
        ["1", "COLUMNS"],
        ["3", "QUOTING"],
        ["4", "NUMBER"],
    ]


def test_while_halted_uploads_wait_until_support_clears(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    drop(platform, NAME, b"broken\n")
    drop(platform, LATER, lines(["anna@example.com"]))
    assert [result.upload for result in platform.tick(start)] == [NAME]
    assert platform.tick(start + timedelta(minutes=10)) == []
    platform.clear("de")
    assert list((platform.places.root / "sftp/de/errors").iterdir()) == []
    [result] = platform.tick(start + timedelta(minutes=20))
    assert (result.upload, result.outcome) == (LATER, "sent")


@pytest.mark.parametrize(
    "source_mailings",
    [
        pytest.param({}, id="unknown"),
        pytest.param({SOURCE: "activated"}, id="activated"),
    ],
)
def test_a_source_mailing_that_cannot_be_copied_is_imported_but_not_sent(
    make: Make, lines: Lines, drop: Drop, start: datetime, source_mailings: dict[int, str]
) -> None:
    platform = make(Config(source_mailings=source_mailings))
    drop(platform, NAME, lines(["anna@example.com"]))
    [result] = platform.tick(start)
    assert result.outcome == "trigger_failed"
    assert platform.record().mailed() == {}
    assert platform.record().halted() == ["de"]
    told = (platform.places.root / "sftp/de/errors" / f"{NAME}.error").read_text()
    assert told.startswith("0;TRIGGER;")


def test_support_triggers_what_was_imported_but_not_sent(
    make: Make, lines: Lines, drop: Drop, start: datetime
) -> None:
    platform = make(Config(source_mailings={SOURCE: "activated"}))
    drop(platform, NAME, lines(["anna@example.com"]))
    platform.tick(start)
    platform = make(Config(source_mailings={SOURCE: "new"}))
    platform.clear("de")
    [result] = platform.tick(start)
    assert result.outcome == "sent"
    assert platform.tick(start) == []
    assert platform.record().mailed() == {20261120070000: {"anna@example.com": 1}}


def test_what_still_cannot_be_sent_is_discarded(
    make: Make, lines: Lines, drop: Drop, start: datetime
) -> None:
    platform = make(Config(source_mailings={}))
    drop(platform, NAME, lines(["anna@example.com"]))
    platform.tick(start)
    platform.clear("de")
    assert [result.outcome for result in platform.tick(start)] == ["discarded"]
    assert platform.tick(start) == []
    assert [row["outcome"] for row in platform.record().imports()] == ["discarded"]


def test_an_unknown_client_cannot_be_cleared(platform: Platform) -> None:
    with pytest.raises(ProjectError, match="it has: de"):
        platform.clear("fr")


def test_dead_addresses_are_bounced_out_and_leavers_stay_away(
    make: Make, lines: Lines, drop: Drop, people: People, start: datetime
) -> None:
    shares = replace(Reactions(), hard=0.3, soft=0, unsubscribed=0.2, foreign_per_day=0)
    platform = make(Config(reactions=shares))
    results = []
    for week in range(4):
        now = start + timedelta(days=7 * week)
        drop(platform, f"{now:%Y%m%d}070000_subscribers.csv", lines(people(200), wave=str(week)))
        results += platform.tick(now)
    assert results[0].dropped == {}
    assert set(results[1].dropped) == {"unsubscribed"}
    assert set(results[2].dropped) == {"unsubscribed"}
    assert set(results[3].dropped) == {"bounced_out", "unsubscribed"}
    assert all(result.rows == result.mailed + sum(result.dropped.values()) for result in results)


def test_log_and_mail_tell_the_mailing_and_the_counts_but_no_address(
    platform: Platform, lines: Lines, drop: Drop, start: datetime
) -> None:
    drop(platform, NAME, lines(["anna@example.com", "anna@example.com"]))
    [result] = platform.tick(start)
    log = (platform.places.root / "sftp/de/logs/20261120_import.log").read_text()
    [mail] = sorted((platform.places.root / "mail").glob("*.eml"))
    for told in (log, mail.read_text()):
        assert NAME in told
        assert str(result.mailing_id) in told
        assert "dropped_duplicate" in told
        assert "anna" not in told
    assert log.startswith("2026-11-20 07:00:00;")


def test_agreed_extra_columns_are_part_of_the_file(make: Make, drop: Drop, start: datetime) -> None:
    config = Config(list_columns=(*Config().list_columns, "Produkt"), export=Export())
    platform = make(config)
    drop(platform, NAME, f'anna@example.com;{SOURCE};1;a;b;c;"4711"\n'.encode())
    assert [result.outcome for result in platform.tick(start)] == ["sent"]
    drop(platform, LATER, f"anna@example.com;{SOURCE};2;a;b;c\n".encode())
    assert [result.outcome for result in platform.tick(start)] == ["import_failed"]
