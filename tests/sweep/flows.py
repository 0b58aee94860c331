"""The flows that die: what was done before, which command it is, and what cron and people do afterwards."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from closedloop.emulator.misbehaviour import Fault, Misbehaviour
from tests.sweep.world import SOURCE, World

MORNING = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
"""A Tuesday, an hour into the slot of the send job."""
EARLIER = MORNING - timedelta(minutes=10)
CUSTOMERS = [f"kunde{number}@example.com" for number in range(12)]
TESTERS = ["tester@example.com"]
SEND, PULL = "send_newsletter", "pull_responses"
CLICKS = "20261125_clicks.csv"
LARGE = 250_000
FEW = '["mailing_recipients", "opens", "clicks"]'

SENDING = {"ledger.put_wave", "remote.stage", "remote.publish", "files.fsync", "files.rename"}
LOADING = {"remote.fetch", "loading.append", "loading.commit", "ledger.put_load", "files.rename"}
BELOW = {"ledger.write", "ledger.sync"}
ON_THE_WIRE = BELOW | {"wire.send", "files.rename", "files.sync"}
INTO_THE_WAREHOUSE = ON_THE_WIRE | {"warehouse.write", "warehouse.sync"}


@dataclass(frozen=True, slots=True)
class Flow:
    """One command that dies at `at`, once at each of its acts.

    `must` are acts without which the sweep would have missed what it is for, at the edges and `below` them. `cron`
    are the jobs that are started afterwards, again and again; where `by_hand`, a person gives the command again too.
    `waves` and `tests` are how many waves, each once, may reach a customer and a test recipient;
    it dies at acts whose names begin as `only` does. `server` is how the server misbehaves all the while.
    """

    name: str
    words: tuple[str, ...]
    at: datetime
    prepare: Callable[[World], None]
    must: set[str]
    below: set[str]
    cron: tuple[str, ...] = (SEND,)
    by_hand: bool = False
    waves: int = 1
    tests: int = 0
    only: str = ""
    server: Misbehaviour | None = None

    @property
    def sends(self) -> bool:
        """Whether a wave may go out: then it matters who looks first, the import or cron."""
        return SEND in self.cron


def found(world: World) -> None:
    """Make a project beside the platform, with customers."""
    _done(world, "init", str(world.shop), "--emulator", str(world.platform.places.root), at=MORNING)
    world.append(
        "closedloop.toml",
        f"""
[mail]
url = "{world.post.url}"
from = "closedloop@example.com"
to = ["ops@example.com"]
""",
    )
    lines = "".join(f"{address};Frau;Anna;Müller\n" for address in CUSTOMERS)
    (world.shop / "customers.csv").write_text(f"Email;Anrede;Vorname;Nachname\n{lines}", "utf-8")


def _done(world: World, *words: str, at: datetime) -> None:
    ended = world.do(*words, at=at)
    assert ended.code == 0, ended.said


def _ready(world: World) -> None:
    """Have a warehouse: the first run of all is swept by `pull`."""
    _done(world, "run", SEND, "--dry-run", at=MORNING - timedelta(days=1))


def _with_products(world: World) -> None:
    _ready(world)
    world.append("products.csv", "id;name\n1;Shoes\n2;Hat\n")
    world.append(
        "schemas/products.toml",
        '[table]\nname = "products"\nfile = "{date:%Y%m%d%H%M%S}_products.csv"\nheader = "none"\n'
        '[columns]\nid = { name = "id", type = "int64" }\nname = { name = "name", type = "string" }\n',
    )
    world.append(
        f"jobs/{SEND}.toml", '\n[product_data]\nschema = "products"\nfile = "products.csv"\n'
    )


def _with_testers(world: World) -> None:
    _ready(world)
    lines = "".join(f"{address};;;\n" for address in TESTERS)
    world.append("testers.csv", f"Email;Anrede;Vorname;Nachname\n{lines}")
    world.append(f"jobs/{SEND}.toml", '\n[test_recipients]\nfile = "testers.csv"\n')


def _sent(world: World, schemas: str = FEW) -> None:
    job = world.shop / "jobs" / f"{PULL}.toml"
    lines = job.read_text("utf-8").splitlines()
    kept = [f"schemas = {schemas}" if line.startswith("schemas") else line for line in lines]
    job.write_text("\n".join(kept), "utf-8")
    _done(world, "run", SEND, at=MORNING)
    world.platform.tick(MORNING + timedelta(minutes=10))


def _day(world: World, day: int) -> None:
    world.platform.export(MORNING + timedelta(days=day, hours=-2))


def _delivered(world: World) -> None:
    """Let the platform deliver two days, of which one file is rubbish, restate one, and load the first."""
    _sent(world)
    _day(world, 1)
    _done(world, "run", PULL, at=MORNING + timedelta(days=1))
    _day(world, 2)
    rubbish = "mailingId;what\n" + "x;y\n" * 3
    (world.platform.places.root / "sftp/de/outgoing/20261126_clicks.csv").write_text(rubbish)


def _first_delivery(world: World) -> None:
    _sent(world)
    _day(world, 1)


def _loaded(world: World) -> None:
    _first_delivery(world)
    _done(world, "run", PULL, at=MORNING + timedelta(days=1))


def _unknown(world: World) -> None:
    """Lose the answer to the decisive rename while the import takes the file at once."""
    _ready(world)
    cut = Fault(request="rename", do="cut", when="after")
    world.server.misbehave = Misbehaviour(faults=(cut,), import_at_once=True)
    world.do("run", SEND, at=MORNING - timedelta(minutes=10))
    world.server.misbehave = None
    (wave,) = world.waves()
    assert wave.state == "unknown", wave


def _unknown_and_mailed(world: World) -> None:
    _unknown(world)
    world.platform.tick(MORNING - timedelta(minutes=5))


def _unknown_and_lost(world: World) -> None:
    _unknown(world)
    for path in (world.platform.places.root / "taken" / "de").iterdir():
        path.unlink()


def _refused(world: World) -> None:
    """Let a pull refuse files, under limits that are mended afterwards."""
    _sent(world)
    _day(world, 1)
    job = world.shop / "jobs" / f"{PULL}.toml"
    text = job.read_text("utf-8")
    job.write_text(text.replace("0.05", "0.0").replace("= 20", "= 0"), "utf-8")
    ended = world.do("run", PULL, at=LATER - timedelta(hours=1))
    assert ended.code == 1, ended.said
    job.write_text(text, "utf-8")


def _failed(world: World) -> None:
    """Let a send find no folder to upload to, which comes back."""
    _ready(world)
    uploads = world.platform.places.root / "sftp/de/incoming"
    away = uploads.rename(uploads.with_name("away"))
    _suspended(world, "run", SEND)
    away.rename(uploads)


def _shut_out(world: World) -> None:
    """Let a send not be let in, under another's name."""
    _ready(world)
    settings = world.shop / "closedloop.toml"
    text = settings.read_text("utf-8")
    settings.write_text(
        re.sub(r'^(user\s*=) ".*"', r'\1 "nobody"', text, flags=re.MULTILINE), "utf-8"
    )
    _suspended(world, "run", SEND)
    settings.write_text(text, "utf-8")


def _ledger_lost(world: World) -> None:
    """Lose the ledger after a send, of which its kept copy tells."""
    _ready(world)
    _done(world, "run", SEND, at=EARLIER)
    for path in world.state.glob("ledger.sqlite*"):
        path.unlink()
    _suspended(world, "run", SEND, at=EARLIER + timedelta(minutes=5))


def _ledger_lost_and_mailed(world: World) -> None:
    _ledger_lost(world)
    world.platform.tick(EARLIER + timedelta(minutes=6))


def _ledger_lost_and_file_too(world: World) -> None:
    _ledger_lost(world)
    for path in (world.platform.places.root / "sftp/de/incoming").iterdir():
        path.unlink()


def _import_failed(world: World) -> None:
    """Have the platform refuse a wave for its name, and its support clear that."""
    _ready(world)
    uploads = world.platform.places.root / "sftp/de/incoming"
    for second in range(60):
        path = uploads / f"202611240650{second:02}_subscribers.csv"
        path.write_text(f'"x@example.com";{SOURCE};{second};;;\n')
    world.platform.tick(MORNING - timedelta(hours=2))
    for path in uploads.iterdir():
        path.unlink()
    _halted(world)


def _trigger_failed(world: World) -> None:
    """Have a wave imported whose mailing could not be triggered; it is once support has cleared that."""
    _ready(world)
    world.sources[SOURCE] = "activated"
    _halted(world)
    world.sources[SOURCE] = "new"


def _halted(world: World) -> None:
    _done(world, "run", SEND, at=EARLIER)
    world.platform.tick(EARLIER + timedelta(minutes=2))
    world.do("run", PULL, at=EARLIER + timedelta(minutes=3))
    (error,) = world.errors()
    assert error.wave, error
    world.refused.add(error.wave.file)
    world.platform.clear("de")


def _suspended(world: World, *words: str, at: datetime | None = None) -> None:
    ended = world.do(*words, at=at or EARLIER)
    assert ended.code, ended.said
    assert world.errors(), ended.said


def _large(world: World) -> None:
    """Have a file delivered that DuckDB writes in several row groups, before it commits."""
    _first_delivery(world)
    path = world.platform.places.root / "sftp/de/outgoing/20261125_opens.csv"
    head, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + max(lines, key=lines.count) * LARGE)
    world.written[path.name] = LARGE


def _bounced(world: World) -> None:
    """Have a wave of which it is known whom it bounced."""
    _sent(world, '["mailings", "mailing_recipients", "responses"]')
    _day(world, 1)
    _done(world, "run", PULL, at=MORNING + timedelta(days=1))


def _corrected(world: World) -> None:
    """Correct each rejected row of a loaded file: it becomes a repetition of one that was right."""
    _loaded(world)
    (rejected,) = (world.state / "quarantine" / "de").glob(f"{CLICKS}.*")
    with rejected.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter=";"))
    broken = {row[-1] for row in rows}
    delivered = (world.platform.places.root / "sftp/de/outgoing" / CLICKS).read_bytes()
    lines = [line.decode("utf-8", "replace") for line in delivered.splitlines()]
    right = next(line for line in lines[1:] if line not in broken)
    with (world.shop / "corrected.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(
            [rows[0], *([*row[:-1], right] for row in rows[1:])]
        )


ANSWER_LOST = Fault(request="rename", do="cut", when="after", nth=0)
NO_ANSWER = Misbehaviour(faults=(ANSWER_LOST,))
TAKEN_AT_ONCE = Misbehaviour(import_at_once=True)
NO_ANSWER_AND_TAKEN = Misbehaviour(faults=(ANSWER_LOST,), import_at_once=True)
ODD = Misbehaviour(short_reads=10_000, page=1, bare_names=True, out_of_order=True)

LATER = MORNING + timedelta(days=2)
BOUNCED = ("resend", "20261124070000", "--soft-bounces")

FLOWS = (
    Flow("send", ("run", SEND), MORNING, _ready, SENDING, ON_THE_WIRE),
    Flow("send, products", ("run", SEND), MORNING, _with_products, SENDING, ON_THE_WIRE),
    Flow("send --test", ("run", SEND, "--test"), MORNING, _with_testers, SENDING, ON_THE_WIRE,
         by_hand=True, tests=2),
    Flow("send, answers lost", ("run", SEND), MORNING, _ready, SENDING, ON_THE_WIRE, server=NO_ANSWER),
    Flow("send, taken at once", ("run", SEND), MORNING, _ready, SENDING, ON_THE_WIRE, server=TAKEN_AT_ONCE),
    Flow("send, lost and taken", ("run", SEND), MORNING, _ready, SENDING, ON_THE_WIRE, server=NO_ANSWER_AND_TAKEN),
    Flow("pull, odd answers", ("run", PULL), LATER, _delivered, LOADING, INTO_THE_WAREHOUSE, (PULL,), server=ODD),
    Flow("pull", ("run", PULL), LATER, _delivered, LOADING, INTO_THE_WAREHOUSE, (PULL,)),
    Flow("pull, the first", ("run", PULL), LATER, _first_delivery, LOADING, INTO_THE_WAREHOUSE, (PULL,)),
    Flow("pull --date", ("run", PULL, "--date", "2026-11-25"), LATER, _loaded, LOADING, INTO_THE_WAREHOUSE, (PULL,), by_hand=True),
    Flow("restart --assume-sent", ("restart", SEND, "--assume-sent"), MORNING, _unknown_and_mailed,
         {"ledger.put_wave", "files.rename"}, BELOW, by_hand=True),
    Flow("restart --resend", ("restart", SEND, "--resend"), MORNING, _unknown_and_lost,
         SENDING - {"files.fsync"}, BELOW, by_hand=True),
    Flow("restart, failed", ("restart", SEND), MORNING, _failed, SENDING, ON_THE_WIRE, by_hand=True),
    Flow("restart, shut out", ("restart", SEND), MORNING, _shut_out, SENDING, ON_THE_WIRE, by_hand=True),
    Flow("restart, wave lost, sent", ("restart", SEND, "--assume-sent"), MORNING, _ledger_lost_and_mailed,
         {"ledger.put_wave", "files.rename"}, BELOW, by_hand=True),
    Flow("restart, wave lost, resend", ("restart", SEND, "--resend"), MORNING, _ledger_lost_and_file_too,
         SENDING - {"files.fsync"}, BELOW, by_hand=True),
    Flow("restart, import failed", ("restart", SEND, "--resend"), MORNING, _import_failed,
         SENDING - {"files.fsync"}, BELOW, by_hand=True),
    Flow("restart, trigger failed", ("restart", SEND, "--assume-sent"), MORNING, _trigger_failed,
         {"files.rename"}, BELOW, by_hand=True),
    Flow("restart, files", ("restart", PULL), LATER, _refused, LOADING - {"remote.fetch"}, INTO_THE_WAREHOUSE, (PULL,), by_hand=True),
    Flow("quarantine replay", ("quarantine", "replay", CLICKS, "--from", "corrected.csv"), LATER, _corrected,
         {"warehouse.close", "ledger.put_load", "files.rename"}, INTO_THE_WAREHOUSE - {"wire.send"}, (PULL,), by_hand=True),
    Flow("forget", ("forget", CUSTOMERS[3], CUSTOMERS[5]), LATER, _loaded,
         {"warehouse.forget", "ledger.scrub", "files.rename"}, INTO_THE_WAREHOUSE - {"wire.send"}, (PULL,), by_hand=True),
    Flow("resend", BOUNCED, LATER, _bounced, SENDING, ON_THE_WIRE, by_hand=True, waves=2),
    Flow("pull, large", ("run", PULL), LATER, _large, LOADING, INTO_THE_WAREHOUSE, (PULL,), only="warehouse."),
)  # fmt: skip
