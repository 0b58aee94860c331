"""Check + quarantine + load of a sending log, beside DuckDB's own typed `read_csv` of the same file without checks.

The files have 0.1 % bad rows and eight broken lines. `python -m benchmarks.load --rows 1000000` is a quick try.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks import measure as harness
from benchmarks.measure import Contender, Figure, Row

HERE = Path(__file__).parent
ROWS = 10_000_000
LOADED = "loaded"
"""The file in which a contender says how many rows it loaded."""
HEAD = "id;mailingId;mailingGroupId;userId;created;sendingStatus;deliveryStatus;response.category"
BROKEN = (
    b"1;2;3\n",
    b"1;2;3;4;5;6;7;8;9\n",
    b'1;2;3;"a"b;2024-03-01 00:00:00;sent;OK;\n',
    b'1;2;3;"a;2024-03-01 00:00:00;sent;OK;\n',
    b"1;2;3;a\xff;2024-03-01 00:00:00;sent;OK;\n",
    b"1;2\n",
    b"\n",
    b'";"\n',
)


def generate(path: Path, rows: int, *, quoted: bool = False) -> None:
    """Write a sending log; deterministic."""
    import polars as pl

    style: Literal["always", "necessary"] = "always" if quoted else "necessary"

    chunk = 500_000
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        stream.write(f"{HEAD}\n".encode())
        for start in range(0, rows, chunk):
            n = pl.int_range(start, min(start + chunk, rows), eager=True).alias("n")
            frame = pl.DataFrame(n).select(
                (25951836752 + pl.col("n")).alias("id"),
                (51106527229 + pl.col("n") // 250_000 * 1009).alias("mailing"),
                pl.lit(44015200417).alias("client"),
                pl.format(
                    "kunde{}@{}",
                    pl.col("n") % 3_000_000,
                    pl.when(pl.col("n") % 7 < 3)
                    .then(pl.lit("example.com"))
                    .otherwise(pl.lit("mail.example.de")),
                ),
                (pl.datetime(2024, 3, 1) + pl.duration(seconds=pl.col("n") * 37 % 86_400))
                .dt.strftime("%Y-%m-%d %H:%M:%S")
                .alias("created"),
                pl.lit("sent").alias("sending"),
                pl.when(pl.col("n") % 50 == 3)
                .then(pl.lit("HARD"))
                .when(pl.col("n") % 31 == 5)
                .then(pl.lit("SOFT"))
                .otherwise(pl.lit("OK"))
                .alias("delivery"),
                pl.when(pl.col("n") % 50 == 3)
                .then(pl.lit("fatal_bounce"))
                .otherwise(pl.lit(None))
                .alias("category"),
            )
            bad = pl.col("id") % 1_000 == 11
            frame = frame.with_columns(
                pl.when(bad)
                .then(pl.lit("12x4"))
                .otherwise(pl.col("id").cast(pl.String))
                .alias("id")
            )
            text = frame.write_csv(separator=";", include_header=False, quote_style=style).encode()
            if start == 0:
                middle = text.index(b"\n", len(text) // 2) + 1
                text = text[:middle] + b"".join(BROKEN) + text[middle:]
            stream.write(text)
    part.replace(path)


def ours(path: Path, folder: Path) -> None:
    """Check, quarantine and load with closedloop: of a run all but the fetch, the hash and the packed copy."""
    import tomllib
    from datetime import UTC, date, datetime

    from closedloop.errorfiles import ErrorFiles
    from closedloop.flows.load import Landed, checked, load
    from closedloop.flows.ports import Ports
    from closedloop.ledger import Ledger
    from closedloop.model.file import FileIdentity
    from closedloop.model.job import PullJob
    from closedloop.model.settings import Client, Suppression
    from closedloop.model.table import Schema
    from closedloop.remote.base import quiet
    from closedloop.remote.memory import MemoryRemote
    from closedloop.state import StateFolder
    from closedloop.warehouse.duckdb import DuckDBWarehouse

    schemas = [
        Schema.model_validate(tomllib.loads(p.read_text()))
        for p in sorted((HERE.parent / "schemas").glob("*.toml"))
    ]
    responses = [schema for schema in schemas if schema.name != "subscribers"]
    schema = next(schema for schema in schemas if schema.name == "mailing_recipients")
    now = datetime(2024, 3, 2, tzinfo=UTC)
    identity = FileIdentity(
        "de", schema.name, path.name, date(2024, 3, 1), path.stat().st_size, now, "0" * 64
    )
    client = Client(host="localhost", user="nobody", password_env="NONE", host_keys=("none",))
    # As in a pull: what is here already is read while the warehouse is made ready.
    found = checked(path, schema, client.zone, {})
    with (
        DuckDBWarehouse(folder / "warehouse.duckdb", 5, Suppression()) as warehouse,
        Ledger(folder / "ledger.sqlite") as ledger,
    ):
        warehouse.prepare(responses)
        state = StateFolder(folder)
        ports = Ports(
            client=client,
            client_name="de",
            remote=MemoryRemote(),
            warehouse=warehouse,
            ledger=ledger,
            state=state,
            responses=responses,
            blocklist=[],
            rows=lambda _selection: iter(()),
            watch=lambda _title: quiet,
            errors=ErrorFiles(state),
        )
        tally, _ = load(
            Landed(path, identity, schema),
            PullJob(name="bench", kind="pull", client="de"),
            ports,
            now,
            found,
        )
    (folder / LOADED).write_text(str(tally.counts.loaded))


def bare(path: Path, folder: Path) -> None:
    """Load with DuckDB alone: typed columns, bad lines thrown away."""
    import duckdb

    types = "{'id':'BIGINT','mailingId':'BIGINT','mailingGroupId':'BIGINT','userId':'VARCHAR','created':'TIMESTAMP','sendingStatus':'VARCHAR','deliveryStatus':'VARCHAR','response.category':'VARCHAR'}"
    with duckdb.connect(folder / "bare.duckdb") as db:
        db.execute(
            f"create table t as select * from read_csv('{path}', delim=';', header=true, columns={types}, ignore_errors=true)"
        )
        (rows,) = db.execute("select count(*) from t").fetchone() or (0,)
    (folder / LOADED).write_text(str(rows))


def measure(runs: int, rows: int = ROWS, most: int = 10 * ROWS) -> list[Row]:
    """Measure plain and quoted files beside DuckDB alone, and the memory of one ten times as long, once."""
    (plain, _), (quoted, lost) = (_beside_bare(rows, runs, quoted=each) for each in (False, True))
    long = _ours_once(most)
    limit = Figure(0, 0, 1024)
    beside = "DuckDB typed `read_csv`, no checks; bad rows: dropped unsaid"
    millions, longer = (f"{each / 1e6:g}M rows" for each in (rows, most))
    return [
        Row(f"load {millions}", plain["ours"], beside, plain["bare"], 1.5, 1.0),
        Row(
            f"load {millions}, all quoted",
            quoted["ours"],
            f"{beside}, and {lost:,} good ones with them",
            quoted["bare"],
            2.0,
            1.3,
        ),
        Row(f"memory of {millions}", plain["ours"], "a limit", limit, 1.0, 0.5, "peak"),
        Row(f"memory of {longer}", long, millions, plain["ours"], 1.1, 1.0, "peak"),
    ]


def growth(
    sizes: Sequence[int] = (1_000_000, 10_000_000, 100_000_000),
) -> list[tuple[int, float, float]]:
    """Return (rows, wall seconds, peak MiB) of one load of each size."""
    figures = [_ours_once(rows) for rows in sizes]
    return [(rows, each.wall, each.peak) for rows, each in zip(sizes, figures, strict=True)]


def _beside_bare(rows: int, runs: int, *, quoted: bool) -> tuple[dict[str, Figure], int]:
    """Return the figures, and how many good rows DuckDB lost; of ours none may be."""
    path, good = _file(rows, quoted=quoted), rows - rows // 1_000
    loaded: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=harness.DATA) as folder:
        contenders = [_contender(who, path, Path(folder), loaded) for who in ("ours", "bare")]
        figures = harness.interleaved(contenders, runs)
    if loaded["ours"] != good:
        raise SystemExit(f"{loaded['ours']:,} rows were loaded of {good:,} good ones")
    return figures, good - loaded["bare"]


def _ours_once(rows: int) -> Figure:
    """Measure one load; a file that is only for this is gone afterwards."""
    path = _file(rows, quoted=False)
    with tempfile.TemporaryDirectory(dir=harness.DATA) as folder:
        found = harness.once(_contender("ours", path, Path(folder), {}))
    if rows > ROWS:
        path.unlink()
    return found


def _contender(who: str, path: Path, folder: Path, loaded: dict[str, int]) -> Contender:
    def note() -> None:
        loaded[who] = int((folder / LOADED).read_text())

    def empty() -> None:
        for each in sorted(folder.rglob("*"), reverse=True):
            each.unlink() if each.is_file() else each.rmdir()

    command = harness.python("benchmarks.load", "--only", who, str(path), str(folder))
    return Contender(who, command, before=empty, after=note)


def _file(rows: int, *, quoted: bool) -> Path:
    harness.DATA.mkdir(exist_ok=True)
    path = harness.DATA / f"20240301_mailingrecipients_{rows}{'_quoted' * quoted}.csv"
    if not path.exists():
        # In a process of its own: whoever measures must stay small.
        names = ["--generate", str(rows), *(["--quoted"] if quoted else [])]
        harness.once(Contender("generate", harness.python("benchmarks.load", *names, str(path))))
    return path


def main() -> None:
    """Be one of the contenders, or try a part."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--most", type=int, default=10 * ROWS)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--quoted", action="store_true")
    arguments.add_argument("--generate", type=int)
    arguments.add_argument("--only", choices=["ours", "bare"])
    arguments.add_argument("paths", nargs="*", type=Path)
    given = arguments.parse_args()
    if given.generate:
        generate(given.paths[0], given.generate, quoted=given.quoted)
    elif given.only:
        {"ours": ours, "bare": bare}[given.only](*given.paths)
    else:
        for row in measure(given.runs, given.rows, given.most):
            print(f"{row.what}: {row.ratio:.2f} of {row.beside}")


if __name__ == "__main__":
    main()
