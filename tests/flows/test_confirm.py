"""A wave is confirmed once something shows that it was mailed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from closedloop.core.report import seen_waves, troubles
from closedloop.errors import LogInRefused, OutcomeUnknown, RemoteError, Suspended
from closedloop.model.run import RunReport
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.delivered import MAILINGS
from tests.flows.desk import Desk
from tests.flows.told import pulled, sent

LOG = b"id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category"
PEOPLE = ("anna", "ben", "clara")
UPLOAD = "20261124070000_subscribers.csv"


def delivered(desk: Desk, day: str, people: int = 3, mailing: int = 7, *, wave: int = 0) -> None:
    """Let the platform report on a mailing of the morning of the 24th to the first so many people."""
    started = b"2026-11-24 07:10:00"
    desk.put(
        f"{day}_mailings.csv",
        MAILINGS + b"%d;1;9;L;%b;%b\n" % (mailing, started, started),
        "2026-11-25T04:00",
    )
    carried = b";%d" % wave if wave else b""
    rows = b"".join(
        b"%d;%d;9;%b@example.com;%b;sent;OK;%b\n"
        % (100 * mailing + n, mailing, name.encode(), started, carried)
        for n, name in enumerate(PEOPLE[:people])
    )
    head = LOG + (b";WELLE_ID\n" if wave else b"\n")
    desk.put(f"{day}_mailingrecipients.csv", head + rows, "2026-11-25T04:00")


def twice(report: RunReport) -> list[str]:
    return [sentence for sentence in troubles(report) if "was mailed twice" in sentence]


def with_logs(
    desk: Desk, text: str = "", modified: str = "2026-11-24T06:10", *, errors: bool = True
) -> None:
    if 'logs = "/logs"' not in (desk.root / "closedloop.toml").read_text():
        desk.edit("closedloop.toml", "upload ", 'errors = "/errors"\nlogs = "/logs"\nupload ')
    at = datetime.fromisoformat(modified).replace(tzinfo=UTC)
    if errors:
        desk.remote.put("/errors/20261101060000_subscribers.csv.error", b"")
        desk.remote.remove("/errors/20261101060000_subscribers.csv.error")
    desk.remote.put("/logs/20261124_import.log", text.encode(), at)


def with_wave_ids(desk: Desk) -> None:
    column = 'WELLE_ID = { name = "wave_id", type = "int64", nullable = true, optional = true }\n'
    path = desk.root / "schemas" / "mailing_recipients.toml"
    path.write_text(path.read_text() + column)


def test_a_wave_is_confirmed_when_the_response_data_shows_it(desk: Desk) -> None:
    desk.send()
    delivered(desk, "20261125", people=2)
    report = desk.pull("2026-11-25T05:00")
    assert seen_waves(report) == [
        "wave 20261124070000: 3 written, 2 seen, 1 not seen (mailing 7, by time and count)"
    ]
    (wave,) = desk.waves()
    assert (wave.state, wave.confirmed_at) == (
        WaveState.CONFIRMED,
        datetime(2026, 11, 25, 5, tzinfo=UTC),
    )
    (row,) = desk.rows("from waves")
    assert (row["state"], row["mailing_id"], row["confirmed_by"]) == (
        "confirmed",
        7,
        "time and count",
    )


def test_more_that_is_seen_later_is_written_down_and_not_told(desk: Desk) -> None:
    desk.send()
    delivered(desk, "20261125", people=2)
    desk.pull("2026-11-25T05:00")
    delivered(desk, "20261126", people=3)
    report = desk.pull("2026-11-26T05:00")
    assert pulled(report).waves == ()
    (wave,) = desk.waves()
    assert (wave.seen, wave.confirmed_at) == (3, datetime(2026, 11, 25, 5, tzinfo=UTC))


def test_a_wave_that_two_mailings_carry_is_a_trouble_once(desk: Desk) -> None:
    with_wave_ids(desk)
    desk.send()
    delivered(desk, "20261125", wave=20261124070000)
    first = desk.pull("2026-11-25T05:00")
    assert seen_waves(first)[0].endswith("3 seen, 0 not seen (mailing 7, by WELLE_ID)")
    assert twice(first) == []
    delivered(desk, "20261126", people=1, mailing=8, wave=20261124070000)
    second = desk.pull("2026-11-26T05:00")
    assert "2 mailings carry its WELLE_ID" in twice(second)[0]
    delivered(desk, "20261127", people=1, mailing=8, wave=20261124070000)
    assert twice(desk.pull("2026-11-27T05:00")) == []


def test_a_pull_that_died_before_it_looked_leaves_the_look_to_the_next(
    desk: Desk, kill: Any
) -> None:
    desk.send()
    delivered(desk, "20261125")
    for looks in range(1, 100):
        if desk.rows("from loads where schema_name = 'mailing_recipients'"):
            break
        kill(desk.pull, looks, before=True)
    assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]
    desk.pull("2026-11-25T05:10")
    assert [wave.state for wave in desk.waves()] == [WaveState.CONFIRMED]


@pytest.mark.parametrize(
    ("line", "is_confirmed"),
    [
        pytest.param(f"07:10;{UPLOAD};outcome=sent;rows=3", True, id="imported"),
        pytest.param(f"imported {UPLOAD}.", True, id="at the end of a sentence"),
        pytest.param(f"07:10;{UPLOAD};outcome=import_failed", False, id="failed"),
        pytest.param(f"07:10;{UPLOAD}.part;outcome=sent", False, id="another file"),
        pytest.param(f"07:10;1{UPLOAD};outcome=sent", False, id="a longer name"),
        pytest.param("07:10;20261117060000_subscribers.csv;sent", False, id="another wave"),
    ],
)
def test_the_platforms_import_log_confirms_earlier(
    desk: Desk, line: str, *, is_confirmed: bool
) -> None:
    desk.send()
    with_logs(desk, f"something else\n{line}\n")
    report = desk.pull("2026-11-24T06:20")
    (wave,) = desk.waves()
    assert (wave.state is WaveState.CONFIRMED) == is_confirmed
    assert (wave.confirmed_by == "import log") == is_confirmed
    assert [sentence[:57] for sentence in seen_waves(report)] == (
        ["wave 20261124070000: 3 written, imported (by the platform'"[:57]] if is_confirmed else []
    )


def test_what_the_log_confirmed_is_told_again_once_it_is_seen(desk: Desk) -> None:
    desk.send()
    with_logs(desk, UPLOAD)
    desk.pull("2026-11-24T06:20")
    assert pulled(desk.pull("2026-11-24T06:30")).waves == ()
    delivered(desk, "20261125")
    (wave,) = pulled(desk.pull("2026-11-25T05:00")).waves
    assert (wave.seen, wave.confirmed_by) == (3, "time and count")
    assert wave.confirmed_at == datetime(2026, 11, 24, 6, 20, tzinfo=UTC)


def test_a_log_tells_nothing_while_an_error_file_is_there(desk: Desk) -> None:
    desk.send()
    with_logs(desk, UPLOAD)
    desk.remote.put("/errors/20261124070000.error", b"1;QUOTING;")
    desk.pull("2026-11-24T06:20")
    assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]


def test_a_log_tells_nothing_while_the_folder_of_error_files_is_not_there(desk: Desk) -> None:
    desk.send()
    with_logs(desk, UPLOAD, errors=False)
    report = desk.pull("2026-11-24T06:20")
    assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]
    (note,) = [note for note in report.notes if "/errors" in note]
    assert note.startswith("/errors: the server has no such folder")
    assert report.exit_code == 0


def test_logs_of_before_the_wave_are_not_read(desk: Desk) -> None:
    desk.send()
    with_logs(desk, UPLOAD, modified="2026-11-20T06:00")
    desk.pull("2026-11-24T06:20")
    assert [wave.state for wave in desk.waves()] == [WaveState.PUBLISHED]


class WithoutLogs(MemoryRemote):
    def __init__(self, error: RemoteError) -> None:
        super().__init__(("/incoming", "/outgoing", "/errors"))
        self.error = error

    def listing(self, folder: str) -> Any:
        if folder == "/logs":
            raise self.error
        return super().listing(folder)


class Swallowing(MemoryRemote):
    """The platform takes the file at once, and the answer to the rename is lost."""

    def publish(self, staged: str, path: str) -> None:
        super().publish(staged, path)
        self.remove(path)
        raise OutcomeUnknown("the line broke")


def test_a_log_that_cant_be_read_stops_nothing(desk: Desk) -> None:
    desk.send()
    with_logs(desk)
    report = desk.pull("2026-11-24T06:20", remote=WithoutLogs(RemoteError("status 4")))
    assert report.exit_code == 0


def test_a_refused_log_in_is_not_taken_for_an_unread_log(desk: Desk) -> None:
    desk.send()
    with_logs(desk)
    with pytest.raises(LogInRefused):
        desk.pull("2026-11-24T06:20", remote=WithoutLogs(LogInRefused("no")))


def test_a_wave_that_is_not_seen_is_named_from_the_seventh_day_on(desk: Desk) -> None:
    desk.send("2026-11-24T06:00")
    desk.put("20261125_clicks.csv", b"", "2026-11-25T04:00")
    assert pulled(desk.pull("2026-12-01T05:59")).unseen == ()
    report = desk.pull("2026-12-01T06:01")
    (told,) = [each for each in troubles(report) if "no response data shows it" in each]
    assert told.startswith("wave 20261124070000 (3 recipients) went out 7 days ago")
    assert f"look for {UPLOAD} in the platform's list of mailings" in told
    assert pulled(desk.pull("2026-12-25T06:00")).unseen == ()


def test_an_unknown_wave_that_the_log_names_is_known_to_be_mailed(desk: Desk) -> None:
    desk.send(remote=Swallowing())
    assert [wave.state for wave in desk.waves()] == [WaveState.UNKNOWN]
    with_logs(desk, UPLOAD)
    desk.pull("2026-11-24T06:20")
    (wave,) = desk.waves()
    assert (wave.state, wave.published_at) == (WaveState.CONFIRMED, wave.built_at)
    assert sent(desk.send("2026-11-24T06:30")).outcome == "already sent"


class Losing(MemoryRemote):
    """A server whose import takes the file the moment it is renamed, and whose answer is lost."""

    def publish(self, staged: str, path: str) -> None:
        super().publish(staged, path)
        self.remove(path)
        raise OutcomeUnknown(f"{path}: the connection broke before the answer came")


@pytest.mark.parametrize("evidence", ["WELLE_ID", "import log"])
def test_a_wave_of_unknown_outcome_is_settled_by_what_proves_it(desk: Desk, evidence: str) -> None:
    with_wave_ids(desk)
    desk.remote = Losing()
    desk.send()
    with pytest.raises(Suspended):
        desk.send("2026-11-24T06:10")
    delivered(desk, "20261125", mailing=8)
    desk.pull("2026-11-25T05:00")
    assert desk.waves()[0].state is WaveState.UNKNOWN, "a guess by time and count proves nothing"
    if evidence == "WELLE_ID":
        delivered(desk, "20261126", wave=20261124070000)
    else:
        with_logs(desk, f"06:10 {UPLOAD} imported")
    desk.pull("2026-11-26T05:00")
    (wave,) = desk.waves()
    assert (wave.state, wave.confirmed_by) == (WaveState.CONFIRMED, evidence)
    assert (desk.open_errors(), desk.send("2026-11-26T06:00").exit_code) == ([], 0)
    assert desk.left("outbox") == []
