"""Made-up deliveries: the eight response files of a day, with bad rows; deterministic.

python -m benchmarks.delivery FOLDER ROWS [--days 1]
"""

import argparse
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import measure as harness

if TYPE_CHECKING:
    import polars as pl

FIRST_DAY = date(2026, 5, 1)
"""Late enough that the clocks don't change for half a year."""
SHARES = {
    "mailing_recipients": 0.50,
    "opens": 0.27,
    "automated_opens": 0.10,
    "clicks": 0.08,
    "responses": 0.04,
    "unsubscribes": 0.01,
}
MAILINGS, LINKS = 40, 900
FIXED = {"mailings": MAILINGS, "links": LINKS}
BAD_EVERY = 1000
BREAKS_FROM = 10_000
"""Rows of a file from which on it has broken lines, too."""
CHUNK = 500_000


def make(folder: Path, rows: int, days: int = 1) -> dict[str, dict[str, int]]:
    """Return how many rows of each table are good and bad; the files are made once, by a process that may grow."""
    facts = folder.with_suffix(".json")
    if not facts.exists():
        command = harness.python("benchmarks.delivery", str(folder), str(rows), "--days", str(days))
        subprocess.run(command, check=True)  # noqa: S603  this module
    made: dict[str, dict[str, int]] = json.loads(facts.read_text())
    return made


def tables() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield each response table's name, its file's name without the day, and the types of its columns by header name."""
    for path in sorted((harness.HERE.parent / "schemas").glob("*.toml")):
        schema = tomllib.loads(path.read_text(encoding="utf-8"))
        if (name := schema["table"]["name"]) != "subscribers":
            file = schema["table"]["file"].removeprefix("{date:%Y%m%d}_")
            yield name, file, {head: facts["type"] for head, facts in schema["columns"].items()}


def _write(
    folder: Path, day: date, table: tuple[str, str, dict[str, str]], rows: int
) -> tuple[int, int]:
    """Write a file as the platform would; return how many of its rows are good, and how many bad."""
    name, file, columns = table
    path = folder / f"{day:%Y%m%d}_{file}"
    breaks = _broken(len(columns)) if rows >= BREAKS_FROM else []
    with path.open("wb") as stream:
        stream.write(f"{';'.join(columns)}\n".encode())
        for start in range(0, rows, CHUNK):
            frame = _frame(name, list(columns), range(start, min(start + CHUNK, rows)), day)
            stream.write(frame.write_csv(separator=";", include_header=False).encode())
            if start == 0:
                stream.write(b"".join(breaks))
    at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp()
    os.utime(path, (at, at))
    bad = 0 if name in FIXED else (rows + BAD_EVERY - 12) // BAD_EVERY
    return rows - bad, bad + len(breaks)


def _frame(name: str, heads: list[str], rows: range, day: date) -> "pl.DataFrame":
    import polars as pl

    n = pl.col("n")
    frame = pl.DataFrame(pl.int_range(rows.start, rows.stop, eager=True).alias("n"))
    cells = [_cell(name, head, n, day).cast(pl.String).alias(head) for head in heads]
    if name not in FIXED:
        cells[0] = (
            pl.when(n % BAD_EVERY == 11).then(pl.lit("12x4")).otherwise(cells[0]).alias(heads[0])
        )
    return frame.select(cells)


def _cell(name: str, head: str, n: "pl.Expr", day: date) -> "pl.Expr":
    import polars as pl

    time = (
        pl.lit(day).cast(pl.Datetime) - pl.duration(days=1) + pl.duration(seconds=n * 37 % 80_000)
    )
    bounced = n % 50 == 3
    mailing, link = 51106527229, 44018617936
    recipient = 25951836752 + (day - FIRST_DAY).days * 100_000_000
    cells = {
        ("mailings", "id"): mailing + n * 1009,
        ("links", "id"): link + n,
        ("mailing_recipients", "id"): recipient + n,
        ("mailings", "finished"): (time + pl.duration(hours=2)).dt.to_string("%F %T"),
        ("mailings", "compoundMasterId"): pl.lit(None),
        ("links", "url"): pl.format("https://shop.example.com/angebote/{}?utm=newsletter", n),
        ("responses", "category"): pl.lit("autoresponder"),
    }
    everywhere = {
        "mailingId": mailing + n % MAILINGS * 1009,
        "linkId": link + n % LINKS,
        "mailingToUserId": recipient + n,
        "mailingGroupId": pl.lit(44015200417),
        "mailing.recipientLists": pl.lit("44018617812"),
        "userId": pl.format("kunde{}@mail.example.de", n * 7 % 3_000_000),
        "created": time.dt.to_string("%F %T"),
        "started": time.dt.to_string("%F %T"),
        "sendingStatus": pl.lit("sent"),
        "deliveryStatus": pl.when(bounced).then(pl.lit("HARD")).otherwise(pl.lit("OK")),
        "response.category": pl.when(bounced).then(pl.lit("fatal_bounce")),
        "name": pl.format("Angebot {}", n),
        "browser": pl.when(n % 3 == 0).then(pl.lit("Firefox 140.1")).otherwise(pl.lit("Safari 19")),
        "platform": pl.when(n % 3 == 0).then(pl.lit("Windows 11")).otherwise(pl.lit("iOS 19")),
        "device": pl.when(n % 3 == 0).then(pl.lit("Desktop")).otherwise(pl.lit("Mobile")),
    }
    if (name, head) in cells:
        return cells[name, head]
    return everywhere[head if head in everywhere else head.rpartition(".")[2]]


def _broken(width: int) -> list[bytes]:
    """Return lines that are too short, too long, hold a stray quote, and are not UTF-8."""
    return [
        b";".join([b"1"] * (width - 1)) + b"\n",
        b";".join([b"1"] * (width + 1)) + b"\n",
        b'1;"a"b' + b";1" * (width - 2) + b"\n",
        b";".join([b"\xff"] * width) + b"\n",
    ]


def main() -> None:
    """Write the files of some days, and what is in them."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("rows", type=int, help="in all files of a day")
    arguments.add_argument("--days", type=int, default=1)
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    made = {name: {"good": 0, "bad": 0} for name, _, _ in tables()}
    for day in (FIRST_DAY + timedelta(days=each) for each in range(given.days)):
        for table in tables():
            name = table[0]
            rows = FIXED.get(name) or int(given.rows * SHARES[name])
            good, bad = _write(given.folder, day, table, rows)
            made[name]["good"] += good
            made[name]["bad"] += bad
    given.folder.with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
