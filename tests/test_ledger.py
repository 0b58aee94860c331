import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from closedloop.core.stamps import after
from closedloop.errors import ClosedLoopError
from closedloop.ledger import Ledger, Run
from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.wave import Try, Wave, WaveState

NOW = datetime(2026, 11, 24, 5, 0, 7, 123456, tzinfo=UTC)
WAVE = Wave(
    client="de",
    wave_id=20261124060007,
    job="send_newsletter",
    source_mailing=44018617811,
    file="20261124060007_subscribers.csv",
    slot=datetime(2026, 11, 24, 5, tzinfo=UTC),
    test=False,
    state=WaveState.BUILT,
    selected=10,
    written=7,
    dropped={"duplicate": 2, "Vorname: longer than 255 characters": 1},
    size=700,
    sha256="ab" * 32,
    built_at=NOW,
)
LOAD = Load(
    FileIdentity("de", "clicks", "20261124_clicks.csv", date(2026, 11, 24), 9, NOW, "cd" * 32),
    Counts(loaded=5, quarantined=2, blank=1, header=1),
    NOW,
)
RUN = Run("pull-1", "pull", "de", NOW, NOW + timedelta(seconds=3), 0, '{"result": {}}')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as opened:
        yield opened


def test_what_is_written_is_there_for_the_next_process(path: Path, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    ledger.put_load(LOAD)
    ledger.put_run(RUN)
    with Ledger(path) as next_one:
        assert next_one.waves("de") == [WAVE]
        assert next_one.files("de") == [LOAD]
        assert next_one.last_run("pull") == RUN


def test_a_wave_is_written_anew_as_it_comes_on(ledger: Ledger) -> None:
    published = replace(WAVE, state=WaveState.PUBLISHED, published_at=NOW)
    ledger.put_wave(WAVE)
    ledger.put_wave(published)
    assert ledger.waves() == [published]


def test_a_test_wave_has_no_slot(ledger: Ledger) -> None:
    tested = replace(WAVE, slot=None, test=True)
    ledger.put_wave(tested)
    assert ledger.waves() == [tested]


def test_a_wave_that_never_left_is_forgotten_but_not_its_stamp(ledger: Ledger) -> None:
    stamp = ledger.take_stamp("de", WAVE.wave_id, after)
    ledger.put_wave(WAVE)
    ledger.forget_wave("de", WAVE.wave_id)
    assert ledger.waves() == []
    assert ledger.take_stamp("de", WAVE.wave_id, after) == after(stamp)


def test_clients_do_not_see_each_other(ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    ledger.put_load(LOAD)
    assert ledger.waves("at") == []
    assert ledger.files("at") == []
    assert ledger.take_stamp("de", 5, after) == ledger.take_stamp("at", 5, after) == 5


def test_waves_come_oldest_first(ledger: Ledger) -> None:
    later = replace(WAVE, wave_id=WAVE.wave_id + 1)
    ledger.put_wave(later)
    ledger.put_wave(WAVE)
    assert ledger.waves() == [WAVE, later]


def test_of_the_files_since_a_day_the_first_and_the_last_day_are_told_as_well(
    ledger: Ledger,
) -> None:
    days = [date(2026, 11, day) for day in (3, 7, 12, 20)]
    files = [replace(LOAD.file, name=f"{day}.csv", day=day) for day in days]
    ledger.heal_files("de", [replace(LOAD, file=file) for file in files])

    def told(since: date) -> list[date]:
        return [load.file.day for load in ledger.files("de", since)]

    assert told(days[2]) == [days[0], days[2], days[3]]
    assert told(date.max) == [days[0], days[3]]
    assert told(date.min) == days


def test_the_memory_of_files_heals_from_the_warehouse(ledger: Ledger) -> None:
    other = replace(LOAD, file=replace(LOAD.file, name="20261125_clicks.csv"))
    elsewhere = replace(LOAD, file=replace(LOAD.file, client="at"))
    for load in (LOAD, elsewhere):
        ledger.put_load(load)
    ledger.heal_files("de", [other])
    assert ledger.files("de") == [other]
    assert ledger.files("at") == [elsewhere]


def test_a_file_that_is_loaded_again_is_known_once(ledger: Ledger) -> None:
    again = replace(LOAD, file=replace(LOAD.file, sha256="ef" * 32))
    ledger.put_load(LOAD)
    ledger.put_load(again)
    assert ledger.files("de") == [again]


def test_the_last_run_of_a_job_is_the_one_written_down_last_whatever_the_clock_said(
    ledger: Ledger,
) -> None:
    ahead = replace(RUN, run_id="pull-2", started=NOW + timedelta(days=400))
    for run in (RUN, ahead, RUN, replace(ahead, run_id="send-1", job="send")):
        ledger.put_run(run)
    assert ledger.last_run("pull") == RUN
    assert ledger.last_run("sync") is None


def test_reading_makes_no_file(path: Path, ledger: Ledger) -> None:
    assert ledger.waves() == []
    assert ledger.last_run("pull") is None
    assert not path.parent.exists()


def test_only_its_owner_may_read_it(path: Path, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def _take(path: Path, often: int, taken: "multiprocessing.Queue[list[int]]") -> None:
    with Ledger(path) as ledger:
        taken.put([ledger.take_stamp("de", 20261124060007, after) for _ in range(often)])


def test_two_processes_at_once_never_take_one_stamp(path: Path) -> None:
    started = multiprocessing.get_context("spawn")
    taken = started.Queue()
    both = [started.Process(target=_take, args=(path, 20, taken)) for _ in range(2)]
    for process in both:
        process.start()
    stamps = [stamp for _ in both for stamp in taken.get(timeout=30)]
    for process in both:
        process.join()
    assert len({*stamps}) == 40


def test_a_transaction_that_fails_leaves_no_trace(path: Path, ledger: Ledger) -> None:
    ledger.put_load(LOAD)
    with pytest.raises(ClosedLoopError):
        ledger.heal_files("de", [LOAD, LOAD])
    with Ledger(path) as next_one:
        assert next_one.files("de") == [LOAD]


def test_a_file_that_is_no_ledger_is_told(path: Path, ledger: Ledger) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(ClosedLoopError, match=r"ledger\.sqlite: the ledger can't be used: file is"):
        ledger.waves()


def test_a_ledger_of_a_newer_closedloop_is_left_alone(path: Path, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with Ledger(path) as older, pytest.raises(ClosedLoopError, match="update closedloop"):
        older.waves()


def test_a_ledger_of_an_older_closedloop_goes_on(path: Path, ledger: Ledger) -> None:
    ledger.put_wave(WAVE)
    with sqlite3.connect(path) as db:
        for column in (
            "resend_of",
            "confirmed_at",
            "confirmed_by",
            "mailing_id",
            "mailings",
            "seen",
        ):
            db.execute(f"alter table waves drop column {column}")
        db.execute("drop table tries")
        db.execute("pragma user_version = 1")
    db.close()
    with Ledger(path) as newer:
        assert newer.waves() == [WAVE]
        seen = replace(WAVE, state=WaveState.CONFIRMED, confirmed_by="WELLE_ID", mailings=1, seen=6)
        newer.put_wave(seen)
        assert newer.waves() == [seen]
        assert newer.last_try("send_newsletter") is None


def test_the_latest_try_of_a_job_is_kept(ledger: Ledger) -> None:
    slot = NOW - timedelta(minutes=5)
    ledger.put_try(Try("send_newsletter", slot, NOW))
    ledger.put_try(Try("another", slot, NOW, 0))
    ledger.put_try(Try("send_newsletter", slot, NOW, 75))
    assert ledger.last_try("send_newsletter") == Try("send_newsletter", slot, NOW, 75)
    assert ledger.last_try("sync") is None
