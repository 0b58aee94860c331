"""The demo's three weeks, told as they pass."""

import io
import json
import shlex
import shutil
import socket
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from closedloop.cli import cli
from closedloop.console import show_table
from closedloop.core.report import number
from closedloop.demo.shop import BLOCKLIST, write_customers
from closedloop.emulator.platform import Platform
from closedloop.errors import ProjectError

ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2026, 10, 12)  # a Monday; the clock goes back on the 25th
DAYS = 21
SOURCE_MAILING = 44018617811
MARK = ".closedloop-demo"
SMALL = 500  # recipients; a wave of the demo has more, a mailing of somebody else fewer

PLATFORM = """\
# The platform of the demo. See docs/emulator.md for all there is to set.
port = {port}
seed = 7

[export]
broken_lines = 4                                            # each file holds lines that are not right
late         = {{ "2026-10-16" = {{ kinds = ["clicks"], days = 2 }} }}    # this one comes two days late
restated     = {{ "2026-10-21" = ["opens"] }}                 # this one comes again, with other content

[reactions]
autumn_hour = true                                          # some react in the hour that comes twice
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo's folder and what lies in it."""

    root: Path

    @property
    def shop(self) -> Path:
        """The shop's project."""
        return self.root / "shop"

    @property
    def platform(self) -> Path:
        """The platform's folder."""
        return self.root / "platform"


def tell(stage: Stage, customers: int) -> None:
    """Play the three weeks and print what happens."""
    from closedloop.emulator.server import Server

    _clear(stage)
    platform = Platform(stage.platform)
    with Server(platform):
        _set_up(stage, customers)
        for number in range(DAYS):
            _live(stage, platform, FIRST_DAY + timedelta(days=number), customers + 10 * number)
        _conclude(stage, platform)


def _clear(stage: Stage) -> None:
    """Make the folder anew; one that the demo did not make is left alone."""
    if stage.root.exists() and any(stage.root.iterdir()) and not (stage.root / MARK).exists():
        raise ProjectError(
            f"{stage.root}: the demo makes this folder anew, but it holds something else; name another"
        )
    shutil.rmtree(stage.root, ignore_errors=True)
    stage.platform.mkdir(parents=True)
    (stage.root / MARK).touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (stage.platform / "platform.toml").write_text(PLATFORM.format(port=port), encoding="utf-8")


def _set_up(stage: Stage, customers: int) -> None:
    click.secho(
        "A shop with a customer database, and a campaign platform on this machine", bold=True
    )
    _run(stage, FIRST_DAY, "00:00", "init", str(stage.shop), "--emulator", str(stage.platform))
    write_customers(stage.shop / "customers.csv", customers)
    (stage.shop / "blocklist.txt").write_text(BLOCKLIST, encoding="utf-8")
    _edit(
        stage.shop / "closedloop.toml",
        '# blocklist = "blocklist.txt"',
        'blocklist = "blocklist.txt"',
    )
    click.echo(
        f"  {customers:,} customers in {stage.shop}/customers.csv, some of them with a bad address"
    )
    click.echo(
        _run(stage, FIRST_DAY, "00:00", "check")
        .rstrip()
        .replace("closedloop.toml", "  check: closedloop.toml")
    )


def _live(stage: Stage, platform: Platform, day: date, customers: int) -> None:
    """One day: the platform exports, the shop sends on Tuesdays, the platform imports, the shop pulls."""
    platform.export(_at(day, "05:00"))
    if day.weekday() == 1:
        click.secho(f"\n{day:%A, %d %B}", bold=True)
        write_customers(stage.shop / "customers.csv", customers)
        _told_wave(_report(stage, day, "06:00", "send_newsletter"))
        _told_wave(_report(stage, day, "06:05", "send_newsletter"))
        for result in platform.tick(_at(day, "06:10")):
            dropped = ", ".join(
                f"{count} {reason}" for reason, count in result.dropped.items() if count
            )
            click.echo(
                f"  platform        {result.outcome}: {result.mailed:,} mailed{f'; dropped {dropped}' if dropped else ''}"
            )
    _told_pull(day, _report(stage, day, "07:00", "pull_responses"))


def _told_wave(report: dict[str, Any]) -> None:
    result = report["result"]
    wave = result["wave"]
    if result["outcome"] != "sent":
        click.echo(
            f"  send_newsletter (again, by mistake)   {result['outcome']}: wave {wave['wave_id']}"
        )
        return
    click.echo(
        f"  send_newsletter selected {wave['selected']:,}, mails {wave['written']:,} as wave {wave['wave_id']}; dropped:"
    )
    for reason, count in wave["dropped"].items():
        click.echo(f"    {count:>6,}  {reason}")
    for note in report["notes"]:
        click.echo(f"    note: {note}")


def _told_pull(day: date, report: dict[str, Any]) -> None:
    result = report["result"]
    loaded = sum(file["counts"]["loaded"] for file in result["files"])
    rejected = sum(file["counts"]["quarantined"] for file in result["files"])
    restated = [file["name"] for file in result["files"] if file["status"] == "restated"]
    missing = [
        f"{file['schema']} of {file['day']} ({number(file['days_left'], 'day')} left)"
        for file in result["missing"]
    ]
    files = number(len(result["files"]), "file")
    click.echo(f"  {day:%a %d %b}  pull_responses  {files}, {loaded:>6,} rows, {rejected} rejected")
    if restated:
        click.echo(f"    restated: {', '.join(restated)}")
    if missing:
        click.echo(f"    MISSING: {', '.join(missing)}")


def _conclude(stage: Stage, platform: Platform) -> None:
    from closedloop.edges import warehouse
    from closedloop.project import load_project

    with warehouse(load_project(stage.shop)) as stored:
        click.secho("\nWhat came of it: the view 'campaigns'", bold=True)
        _show_campaigns(stored.rows("select * from campaigns order by started_at"))
        click.secho("\nOur waves: the view 'waves'", bold=True)
        _show_waves(stored.rows("select * from waves order by wave_id"))
        click.secho("\nWhat was rejected", bold=True)
        _show_rejects(
            stored.rows(
                "select column_name, rule, sum(rows) as rows from rejects group by all order by 3 desc"
            )
        )
        _compare(stored.rows("select * from campaigns"), platform)
    _point_on(stage)


def _show_campaigns(rows: list[dict[str, Any]]) -> None:
    head = (
        "mailing_id",
        "recipients",
        "hard",
        "soft",
        "opens_unique",
        "automated_opens_unique",
        "clicks_unique",
        "unsubscribes",
    )
    ours = [row for row in rows if row["recipients"] > SMALL]
    show_table(
        (
            "mailing",
            "sent",
            "hard",
            "soft",
            "opened",
            "by machine",
            "clicked",
            "left",
            "open rate",
        ),
        [
            (
                *(f"{row[key]:,}" if key != "mailing_id" else str(row[key]) for key in head),
                f"{100 * row['open_rate']:.1f}%",
            )
            for row in ours
        ],
    )
    others = number(len(rows) - len(ours), "small mailing")
    click.echo(f"and {others} that others triggered for this client")


def _show_waves(rows: list[dict[str, Any]]) -> None:
    keys = ("written", "seen", "not_seen", "clicks_unique", "unsubscribes")
    show_table(
        ("wave", "mailed", "seen in the responses", "not seen", "clicked", "left"),
        [(str(row["wave_id"]), *(f"{row[key]:,}" for key in keys)) for row in rows],
    )


def _show_rejects(rows: list[dict[str, Any]]) -> None:
    show_table(
        ("column", "rule", "rows"),
        [(row["column_name"] or "(line)", row["rule"], f"{row['rows']:,}") for row in rows],
        prose="rule",
    )


def _compare(rows: list[dict[str, Any]], platform: Platform) -> None:
    """Hold the warehouse's figures against the platform's own record, every one."""
    told = {row["mailing_id"]: row for row in platform.record().campaigns()}
    keys = [
        key
        for key in next(iter(told.values()))
        if key not in ("client", "mailing_id", "started", "finished")
    ]
    wrong = [
        row["mailing_id"]
        for row in rows
        if {k: row[k] for k in keys} != {k: told[row["mailing_id"]][k] for k in keys}
    ]
    if wrong or len(rows) != len(told):
        raise ProjectError(
            f"the warehouse and the platform's record differ for mailings {wrong or 'that are missing'}"
        )
    click.secho(
        f"All {len(keys)} figures of all {len(rows)} mailings equal the platform's own record.",
        fg="green",
    )


def _point_on(stage: Stage) -> None:
    shop = stage.shop
    evening = FIRST_DAY + timedelta(days=DAYS - 1), "20:00"
    _run(stage, *evening, "dashboard")
    places = {
        f"{shop}/var/dashboard.html": "the page for your marketing colleagues: open it in a browser",
        f"{shop}/jobs, {shop}/schemas": "what was done, in TOML",
        f"{shop}/var/quarantine/de": "rejected rows, raw, and why",
        f"{shop}/var/archive, {shop}/var/sent": "every file that came and went",
        f"{stage.platform}/mail": "what the platform told its users",
    }
    click.secho("\nLook on", bold=True)
    for place, holds in places.items():
        click.echo(f"  {place:<{max(map(len, places))}}  {holds}")
    click.secho("\nAsk, as of the last evening", bold=True)
    call = shlex.join([*_called(), "--project", str(shop), "--now", _at(*evening).isoformat()])
    for command in ("status", "report", "report pull_responses", "dashboard"):
        click.echo(f"  {call} {command}")
    question = (
        f"import duckdb; duckdb.connect({str(shop / 'var' / 'warehouse.duckdb')!r}, read_only=True)"
        ".sql('from deliveries').show()"
    )
    click.echo(f'  {shlex.quote(sys.executable)} -c "{question}"')


def _called() -> list[str]:
    """Return the words with which this program was called, or would be found."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return [sys.executable, "-m", "closedloop"]
    found = shutil.which(started.name)
    return [started.name if found and Path(found) == started.absolute() else str(started)]


def _report(stage: Stage, day: date, at: str, job: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_run(stage, day, at, "run", job, "--json"))
    return report


def _run(stage: Stage, day: date, at: str, *arguments: str) -> str:
    """Call a command of closedloop at a time of the rehearsal and return what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = cli.main(
            ["--project", str(stage.shop), "--now", _at(day, at).isoformat(), *arguments],
            standalone_mode=False,
        )
    if code:
        raise ProjectError(
            f"closedloop {' '.join(arguments)} ended with {code}: {printed.getvalue()}"
        )
    return printed.getvalue()


def _at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZONE)


def _edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
