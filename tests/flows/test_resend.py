"""A wave is sent once more to those whom it bounced softly, and to nobody else."""

import csv

import pytest

from closedloop.errors import ProjectError, RemoteError, TryLater
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk
from tests.flows.told import sent

MAILINGS = "id;compoundMasterId;mailingGroupId;mailing.recipientLists;started;finished\n"
LOG = "id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category\n"
RESPONSES = "mailingId;mailingToUserId;mailingGroupId;userId;created;category\n"
LEFT = "mailingId;mailingToUserId;mailingGroupId;userId;created\n"
FIRST, AT = 20261124070000, "2026-11-26T06:00"


def deliver(desk: Desk, day: str, mailing: int, started: str, statuses: dict[str, str]) -> None:
    """Let the platform report a mailing, and pull that."""
    rows = "".join(
        f"{100 * mailing + n};{mailing};9;{name}@example.com;{started};sent;{status};\n"
        for n, (name, status) in enumerate(statuses.items())
    )
    desk.put(f"{day}_mailings.csv", f"{MAILINGS}{mailing};1;9;L;{started};\n".encode())
    desk.put(f"{day}_mailingrecipients.csv", (LOG + rows).encode())
    desk.pull(f"{day[:4]}-{day[4:6]}-{day[6:]}T05:00")


STATUSES = {"soft": "SOFT", "second": "SOFT", "hard": "HARD", "fine": "OK"}


@pytest.fixture
def bounced(desk: Desk) -> Desk:
    """A desk whose first wave bounced two people softly and one for good."""
    desk.customers(
        *(
            f'{name}@example.com;{"" if name == "soft" else "Frau"};"";"{name};"'
            for name in STATUSES
        )
    )
    desk.send()
    deliver(desk, "20261125", 7, "2026-11-24 07:10:00", STATUSES)
    return desk


def mailed(desk: Desk) -> list[list[str]]:
    content = desk.remote.read(f"/incoming/{desk.uploads()[-1]}").decode()
    return list(csv.reader(content.splitlines(), delimiter=";"))


def test_those_whom_a_wave_bounced_softly_get_it_in_a_wave_of_its_own(bounced: Desk) -> None:
    before = bounced.remote.read(f"/incoming/{FIRST}_subscribers.csv").decode().splitlines()
    wave = sent(bounced.send(AT, resend_of=FIRST)).wave
    assert (wave.resend_of, wave.slot, wave.test, wave.written) == (FIRST, None, False, 2)
    assert wave.source_mailing == 44018617811
    lines = bounced.remote.read(f"/incoming/{wave.file}").decode().splitlines()
    again = [line.replace(str(FIRST), str(wave.wave_id)) for line in before[:2]]
    assert lines == again


def test_nobody_who_must_not_be_mailed_by_now_is(bounced: Desk) -> None:
    bounced.put(
        "20261126_unsubscribes.csv",
        f"{LEFT}7;701;9;second@example.com;2026-11-25 10:00:00\n".encode(),
    )
    bounced.pull("2026-11-26T05:00")
    wave = sent(bounced.send(AT, resend_of=FIRST)).wave
    assert (wave.selected, wave.written, wave.dropped) == (2, 1, {"unsubscribed": 1})


@pytest.mark.parametrize(
    ("status", "response"),
    [
        pytest.param("OK", "", id="reached at last"),
        pytest.param("HARD", "", id="bounced for good"),
        pytest.param("SOFT", "fatal_bounce", id="a response says for good"),
    ],
)
def test_whom_a_later_report_tells_otherwise_is_left_out(
    bounced: Desk, status: str, response: str
) -> None:
    if response:
        row = f"7;701;9;second@example.com;2026-11-25 10:00:00;{response}\n"
        bounced.put("20261126_responses.csv", (RESPONSES + row).encode())
    deliver(bounced, "20261126", 7, "2026-11-24 07:10:00", {**STATUSES, "second": status})
    bounced.send(AT, resend_of=FIRST)
    assert [row[0] for row in mailed(bounced)] == ["soft@example.com"]


def test_a_bounce_that_only_a_response_tells_of_counts(bounced: Desk) -> None:
    row = "7;703;9;fine@example.com;2026-11-25 10:00:00;temporary_bounce\n"
    bounced.put("20261126_responses.csv", (RESPONSES + row).encode())
    bounced.pull("2026-11-26T05:00")
    bounced.send(AT, resend_of=FIRST)
    assert [row[0][:4] for row in mailed(bounced)] == ["soft", "seco", "fine"]


def test_it_is_done_once_and_a_second_time_to_those_who_bounced_again(bounced: Desk) -> None:
    second = sent(bounced.send(AT, resend_of=FIRST)).wave
    with pytest.raises(ProjectError, match=f"already, as wave {second.wave_id}; --again"):
        bounced.send("2026-11-26T06:10", resend_of=FIRST)
    with pytest.raises(ProjectError, match=f"wave {second.wave_id} is not seen"):
        bounced.send("2026-11-26T06:10", resend_of=FIRST, again=True)
    deliver(bounced, "20261127", 8, "2026-11-26 07:10:00", {"soft": "OK", "second": "SOFT"})
    bounced.send("2026-11-27T06:00", resend_of=FIRST, again=True)
    assert [row[0] for row in mailed(bounced)] == ["second@example.com"]
    assert len(bounced.uploads()) == 3


def test_a_slot_is_not_filled_by_a_resend(bounced: Desk) -> None:
    bounced.send("2026-12-01T05:00", resend_of=FIRST)
    bounced.edit("jobs/send_newsletter.toml", "kind ", "wait_hours = 0\nkind ")
    assert sent(bounced.send("2026-12-01T05:10")).outcome == "sent"


def test_a_resend_waits_for_another_wave_as_any_wave_does(bounced: Desk) -> None:
    bounced.send("2026-12-01T05:00")
    with pytest.raises(TryLater, match="waits for that until"):
        bounced.send("2026-12-01T06:00", resend_of=FIRST)
    assert sent(bounced.send("2026-12-01T06:00", resend_of=FIRST, again=True)).outcome == "sent"


def test_a_rehearsal_shows_who_and_sends_nothing(bounced: Desk) -> None:
    result = sent(bounced.send(AT, resend_of=FIRST, dry_run=True))
    assert (result.outcome, result.wave.written, len(result.preview)) == ("dry run", 2, 2)
    assert len(bounced.uploads()) == 1


def test_nobody_bounced_is_no_failure(bounced: Desk) -> None:
    deliver(bounced, "20261126", 7, "2026-11-24 07:10:00", dict.fromkeys(STATUSES, "OK"))
    report = bounced.send(AT, resend_of=FIRST)
    assert (sent(report).outcome, report.exit_code) == ("nobody bounced", 0)
    assert len(bounced.uploads()) == 1


@pytest.mark.parametrize(
    ("wave_id", "words"),
    [
        pytest.param(1, f"there is no wave 1: the latest are {FIRST}", id="unknown"),
        pytest.param(20261201070000, "not seen in the response data yet", id="not seen"),
    ],
)
def test_a_wave_of_which_too_little_is_known_is_refused(
    bounced: Desk, wave_id: int, words: str
) -> None:
    bounced.send("2026-12-01T06:00")
    with pytest.raises(ProjectError, match=words):
        bounced.send("2026-12-02T06:00", resend_of=wave_id)


def test_a_copy_in_another_layout_is_refused(bounced: Desk) -> None:
    text = (bounced.root / "schemas" / "subscribers.toml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Nachname"))
    bounced.edit("schemas/subscribers.toml", line, "")
    with pytest.raises(ProjectError, match="has other columns"):
        bounced.send(AT, resend_of=FIRST)


def test_a_job_that_sends_another_mailing_by_now_is_refused(bounced: Desk) -> None:
    bounced.edit("jobs/send_newsletter.toml", "44018617811", "44018617812")
    with pytest.raises(ProjectError, match="sends 44018617812 now"):
        bounced.send(AT, resend_of=FIRST)


def test_a_resend_that_died_is_brought_to_its_end_by_the_next_one(bounced: Desk) -> None:
    class Breaking(MemoryRemote):
        def __init__(self) -> None:
            super().__init__()
            self.is_broken = True

        def publish(self, staged: str, path: str) -> None:
            if self.is_broken:
                raise RemoteError(f"{staged} was not renamed to {path}")
            super().publish(staged, path)

    remote = Breaking()
    with pytest.raises(RemoteError):
        bounced.send(AT, resend_of=FIRST, remote=remote)
    assert [wave.state for wave in bounced.waves()] == [WaveState.CONFIRMED, WaveState.PUBLISHING]
    remote.is_broken = False
    bounced.send("2026-11-26T06:10", resend_of=FIRST, remote=remote)
    resends = [wave for wave in bounced.waves() if wave.resend_of]
    assert [(wave.state, wave.written) for wave in resends] == [(WaveState.PUBLISHED, 2)]
    assert len(remote.listing("/incoming")) == 1
