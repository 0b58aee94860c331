"""Forgetting people: nothing here names them any more, no figure changes, and they stay unknown."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from closedloop.cli import cli, outcome
from tests.shops import Ended, command_line

RECIPIENTS = """\
id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category
1;7;1;"Anna@Example.com";2026-11-19 08:00:00;sent;HARD;fatal_bounce
2;7;1;ben@example.com;2026-11-19 08:00:00;sent;OK;
3;7;1;joanna@example.com;2026-11-19 08:00:00;sent;OK;
4;7;1;4711;2026-11-19 08:00:00;sent;OK;
x;7;1;ANNA@example.com;2026-11-19 08:00:00;sent;OK;
"""
MAILINGS = """\
id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished
7;;1;12;2026-11-19 08:00:00;2026-11-19 08:10:00
"""
CLICKS = """\
linkId;mailingId;mailingToUserId;mailingGroupId;userId;created;click.browser;click.platform;click.device
4711;7;1;1;;2026-11-19 09:00:00;Firefox;Linux;Desktop
4711;7;1;1;anna@example.com ;2026-11-19 09:00:00;Firefox;Linux;Desktop
4711;7;2;1;ben@example.com;2026-11-19 09:00:00;Firefox;Linux;Desktop
4711;7;4;1;4711;2026-11-19 09:00:00;Firefox;Linux;Desktop
"""
LINKS = """\
id;mailingId;mailingToUserId;mailingGroupId;name;url
4711;7;;1;shop;https://shop.example.com/?m=anna%40example.com&x=1
4712;7;;1;other;https://shop.example.com/?m=joanna%40example.com
"""
UNSUBSCRIBES = """\
mailingId;mailingToUserId;mailingGroupId;userId;created
7;1;1;anna@example.com;2026-11-19 10:00:00
"""
FILES = {
    "mailingrecipients": RECIPIENTS,
    "mailings": MAILINGS,
    "clicks": CLICKS,
    "links": LINKS,
    "unsubscribes": UNSUBSCRIBES,
}


Forget = Callable[..., Ended]


@pytest.fixture
def forget(desk: Any, capsys: pytest.CaptureFixture[str]) -> Forget:
    def run(*words: str, root: Path | None = None) -> Ended:
        return command_line(capsys, "--project", root or desk.root, "forget")(*words)

    return run


@pytest.fixture
def busy(desk: Any) -> Any:
    """A desk that has mailed four people, one of them with a customer number, and heard of them."""
    desk.customers("anna@example.com", "ben@example.com", "joanna@example.com")
    desk.send("2026-11-17T06:00")
    deliver(desk, "20261120")
    desk.pull()
    return desk


def deliver(desk: Any, day: str) -> None:
    for name, text in FILES.items():
        desk.put(f"{day}_{name}.csv", text.encode())


def holders(desk: Any, *words: str) -> list[str]:
    """Return the files of the state folder that hold a word in any spelling, packed ones looked into."""
    found = []
    for path in sorted(desk.state.root.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".zst":
                content = zstandard.ZstdDecompressor().decompress(content)
            text = content.lower().replace(b"%40", b"@").replace(b"joanna", b"j")
            found += [path.name for word in words if word.encode() in text or word in path.name]
    return found


def test_after_forgetting_no_file_holds_the_address(busy: Any, forget: Forget) -> None:
    before = holders(busy, "anna@example.com")
    kinds = {name.partition(".")[2].partition(".")[0] for name in before}
    assert {"csv", "duckdb"} <= kinds
    assert len(before) >= 6
    ended = forget("ANNA@example.com ")
    assert (ended.code, ended.err) == (0, "")
    assert holders(busy, "anna@example.com") == []
    assert "anna" not in ended.out.lower()


def test_after_forgetting_no_hash_of_the_address_is_left(busy: Any, forget: Forget) -> None:
    hashes = (
        "select count(*) as hashes from unsubscribed_hashes where who = hash('anna@example.com')"
    )
    assert busy.rows(hashes) != [{"hashes": 0}]
    forget("anna@example.com")
    assert busy.rows(hashes) == [{"hashes": 0}]


@pytest.mark.usefixtures("busy")
def test_what_was_done_is_counted_by_place(forget: Forget) -> None:
    ended = forget("anna@example.com")
    told = dict(line.rsplit(None, 1) for line in ended.out.splitlines()[4:] if line.strip())
    assert {place.strip(): int(rows) for place, rows in told.items()} == {
        "archive": 5,
        "sent": 1,
        "quarantine": 1,
        "warehouse: clicks": 1,
        "warehouse: links": 1,
        "warehouse: mailing_recipients": 1,
        "warehouse: unsubscribes": 1,
    }


def figures(desk: Any) -> Any:
    return (
        desk.rows("from campaigns order by all"),
        desk.rows("select * exclude (url) from link_clicks order by all"),
        desk.rows("select schema_name, records, loaded, quarantined from loads order by all"),
        desk.rows("select count(*) as n from clicks"),
    )


def test_no_figure_changes_and_nobody_else_is_touched(busy: Any, forget: Forget) -> None:
    before = figures(busy)
    others = (
        "from {} where recipient in ('ben@example.com', 'joanna@example.com', '4711') order by all"
    )
    kept = [busy.rows(others.format(view)) for view in ("mailing_recipients", "clicks")]
    forget("anna@example.com")
    assert figures(busy) == before
    assert [busy.rows(others.format(view)) for view in ("mailing_recipients", "clicks")] == kept
    assert "joanna%40example.com" in str(busy.rows("select url from links"))
    assert busy.rows("select recipient from mailing_recipients where mailing_to_user_id = 1") == [
        {"recipient": None}
    ]


def test_a_dry_run_counts_the_same_and_changes_nothing(busy: Any, forget: Forget) -> None:
    before = holders(busy, "anna@example.com")
    rehearsed = forget("anna@example.com", "--dry-run").out
    assert holders(busy, "anna@example.com") == before
    assert not (busy.state.root / "forgotten" / "hashes").exists()
    assert forget("anna@example.com").out.splitlines()[1:] == rehearsed.splitlines()[1:]


def test_they_are_never_mailed_again_however_they_are_written(busy: Any, forget: Forget) -> None:
    forget("anna@example.com")
    busy.customers(" ANNA@Example.COM", "ben@example.com", "joanna@example.com", "bad")
    wave = busy.send().result.wave
    assert wave.dropped == {"forgotten": 1, "invalid address": 1}
    assert wave.written == 2


def test_the_pull_sees_no_changed_file_afterwards(busy: Any, forget: Forget) -> None:
    forget("anna@example.com")
    report = busy.pull("2026-11-20T13:00")
    assert (report.result.files, report.notes) == ((), ())


@pytest.mark.parametrize("forgotten_by_the_server", [False, True])
def test_a_later_delivery_does_not_bring_them_back(
    busy: Any, forget: Forget, *, forgotten_by_the_server: bool
) -> None:
    forget("anna@example.com")
    before = figures(busy)
    if forgotten_by_the_server:
        for name in FILES:
            busy.remote.remove(f"/outgoing/20261120_{name}.csv")
    again = busy.run("pull_responses", "2026-11-20T13:00", day=busy_day())
    assert holders(busy, "anna@example.com") == []
    assert figures(busy) == before
    told = [warning for file in again.result.files for warning in file.warnings]
    assert any("names somebody who was forgotten" in warning for warning in told)
    assert busy.send().result.wave.dropped == {"forgotten": 1}


def busy_day() -> Any:
    from datetime import date

    return date(2026, 11, 20)


def test_a_new_delivery_is_loaded_without_their_names(busy: Any, forget: Forget) -> None:
    forget("anna@example.com")
    deliver(busy, "20261121")
    report = busy.pull("2026-11-21T13:00")
    assert holders(busy, "anna@example.com") == []
    counts = {file.name: file.counts for file in report.result.files}
    assert counts["20261121_clicks.csv"].loaded == 4
    assert counts["20261121_mailingrecipients.csv"].quarantined == 1
    assert busy.rows("select count(*) as n from clicks where recipient is null") == [{"n": 2}]


def test_a_customer_number_is_forgotten_where_it_is_a_recipient_and_nowhere_else(
    busy: Any, forget: Forget
) -> None:
    clicks = "select link_id, recipient from clicks order by all"
    links = busy.rows("from links order by all")
    left = [None if row["recipient"] == "4711" else row["recipient"] for row in busy.rows(clicks)]
    forget("4711")
    for name in FILES:
        busy.remote.remove(f"/outgoing/20261120_{name}.csv")
    for _ in ("as it is", "out of the archive"):
        assert busy.rows("from links order by all") == links
        found = busy.rows(clicks)
        assert {row["link_id"] for row in found} == {4711}
        assert sorted(map(str, left)) == sorted(str(row["recipient"]) for row in found)
        again = busy.run("pull_responses", "2026-11-20T13:00", day=busy_day())
        assert {file.status for file in again.result.files} == {"reloaded"}


def test_a_corrected_row_stays_loaded_without_the_name(busy: Any, forget: Forget) -> None:
    (path,) = (busy.state.root / "quarantine").rglob("*.csv")
    path.write_text(path.read_text().replace("x;7;1", "5;7;1"))
    command = ["--project", str(busy.root), "quarantine", "replay", str(path)]
    assert outcome(lambda: cli.main(command, standalone_mode=False)) == 0
    before = busy.rows("select mailing_to_user_id from mailing_recipients order by all")
    assert {"mailing_to_user_id": 5} in before
    assert forget("anna@example.com").code == 0
    assert holders(busy, "anna@example.com") == []
    busy.run("pull_responses", "2026-11-20T13:00", day=busy_day())
    assert holders(busy, "anna@example.com") == []
    assert busy.rows("select mailing_to_user_id from mailing_recipients order by all") == before
    nameless = "select mailing_to_user_id as id from mailing_recipients where recipient is null order by all"
    assert busy.rows(nameless) == [{"id": 1}, {"id": 5}]


SPELLINGS = [
    pytest.param("straße@example.com", "STRASSE@example.com", id="sharp s"),
    pytest.param("jörg@example.com", unicodedata.normalize("NFD", "jörg@example.com"), id="forms"),
    pytest.param("kim@example.com", "\u212aim@example.com", id="kelvin"),
    pytest.param("νίκος@example.com", "ΝΊΚΟΣ@example.com", id="sigma"),
]


@pytest.mark.parametrize(("given", "written"), SPELLINGS)
def test_every_spelling_is_found(desk: Any, forget: Forget, given: str, written: str) -> None:
    desk.put(
        "20261120_mailingrecipients.csv", RECIPIENTS.replace("ben@example.com", written).encode()
    )
    desk.put("20261120_mailings.csv", MAILINGS.encode())
    desk.pull()
    assert forget(given).code == 0
    for path in desk.state.root.rglob("*.zst"):
        assert written.encode() not in zstandard.ZstdDecompressor().decompress(path.read_bytes())
    assert len(desk.rows("from mailing_recipients where recipient is null")) == 1


def test_the_addresses_may_come_from_the_input(
    busy: Any, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("anna@example.com\n\nBEN@example.com\n"))
    assert forget("-").out.startswith("2 recipients forgotten")
    assert holders(busy, "anna@example.com", "ben@example.com") == []


def test_whoever_names_nobody_is_told(forget: Forget) -> None:
    assert forget(" ").code == 2


@pytest.mark.usefixtures("busy")
def test_whoever_is_found_nowhere_may_be_spelt_otherwise(forget: Forget) -> None:
    rehearsed = forget("ana@example.com", "--dry-run")
    assert rehearsed.out.startswith(
        "nothing that is kept here names any of them: 1 recipient would be put on"
    )
    ended = forget("ana@example.com")
    assert (ended.code, "1 recipient put on the suppression list" in ended.out) == (0, True)
    assert "spelt otherwise" not in forget("anna@example.com").out


def test_a_client_alone_may_forget(busy: Any, forget: Forget) -> None:
    assert forget("anna@example.com", "--client", "fr").code == 2
    assert forget("anna@example.com", "--client", "de").code == 0
    assert holders(busy, "anna@example.com") == []


def test_without_the_key_nobody_is_mailed(busy: Any, forget: Forget) -> None:
    forget("anna@example.com")
    for name in ("key", "hashes"):
        path = busy.state.root / "forgotten" / name
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(Exception, match=r"is missing.*put it back"):
            busy.send()
        path.write_bytes(kept)
    assert busy.send().result.wave.dropped == {"forgotten": 1}


def test_a_damaged_copy_is_told_and_stops_nothing_else(busy: Any, forget: Forget) -> None:
    path = next(busy.state.root.rglob("*_clicks.csv.*.zst"))
    path.write_bytes(path.read_bytes()[:-20])
    ended = forget("anna@example.com")
    assert ended.code == 1
    assert f"{path}: the copy is damaged" in ended.err
    assert set(holders_of_others(busy)) <= {path.name}


def holders_of_others(desk: Any) -> list[str]:
    damaged = next(desk.state.root.rglob("*_clicks.csv.*.zst"))
    damaged.unlink()
    return holders(desk, "anna@example.com")


def test_the_users_own_tables_are_named_and_left(busy: Any, forget: Forget) -> None:
    import duckdb

    with duckdb.connect(str(busy.state.root / "warehouse.duckdb")) as connection:
        connection.execute("create table customers as select 'Anna@example.com' as email")
    assert (
        "your own table 'customers' in the warehouse names them in 1 row:"
        in forget("anna@example.com").out
    )
    assert busy.rows("from customers") == [{"email": "Anna@example.com"}]
