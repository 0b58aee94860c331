"""Check + quarantine + load of a sending log, beside DuckDB's own typed `read_csv` of the same file without checks.

python -m benchmarks.load [--rows 10000000] [--runs 3]

Contenders take turns in processes of their own. The file has 0.1 % bad rows and eight broken lines. Results are printed and
written to benchmarks/RESULTS.md; trust the ratios, not the seconds.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
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


def generate(path: Path, rows: int) -> None:
    """Write a sending log; deterministic."""
    import polars as pl

    chunk = 500_000
    with path.open("wb") as stream:
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
            text = frame.write_csv(separator=";", include_header=False).encode()
            if start == 0:
                middle = text.index(b"\n", len(text) // 2) + 1
                text = text[:middle] + b"".join(BROKEN) + text[middle:]
            stream.write(text)


def ours(path: Path, folder: Path) -> None:
    """Check, quarantine and load with closedloop, as `run` does."""
    import tomllib
    from datetime import UTC, date, datetime

    from closedloop.errorfiles import ErrorFiles
    from closedloop.flows.load import Landed, load
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
    with (
        DuckDBWarehouse(folder / "warehouse.duckdb", 5, Suppression()) as warehouse,
        Ledger(folder / "ledger.sqlite") as ledger,
    ):
        warehouse.prepare(responses)
        client = Client(host="localhost", user="nobody", password_env="NONE", host_keys=("none",))
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
        )
    print(
        f"  loaded {tally.counts.loaded:,}, quarantined {tally.counts.quarantined:,}, blank {tally.counts.blank}"
    )


def bare(path: Path, folder: Path) -> None:
    """Load with DuckDB alone: typed columns, bad lines thrown away."""
    import duckdb

    types = "{'id':'BIGINT','mailingId':'BIGINT','mailingGroupId':'BIGINT','userId':'VARCHAR','created':'TIMESTAMP','sendingStatus':'VARCHAR','deliveryStatus':'VARCHAR','response.category':'VARCHAR'}"
    with duckdb.connect(folder / "bare.duckdb") as db:
        db.execute(
            f"create table t as select * from read_csv('{path}', delim=';', header=true, columns={types}, ignore_errors=true)"
        )
        (rows,) = db.execute("select count(*) from t").fetchone() or (0,)
    print(f"  loaded {rows:,}")


def measured(contender: str, path: Path) -> tuple[float, float, float]:
    """Run a contender in a process of its own; return wall seconds, CPU seconds, peak MiB."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        began = time.perf_counter()
        pid = os.spawnv(
            os.P_NOWAIT,
            sys.executable,
            [
                sys.executable,
                "-m",
                "benchmarks.load",
                "--only",
                contender,
                "--file",
                str(path),
                "--folder",
                folder,
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{contender} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Measure, print, write down."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--only", choices=["ours", "bare"])
    arguments.add_argument("--file", type=Path)
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    if given.only:
        {"ours": ours, "bare": bare}[given.only](given.file, given.folder)
        return
    (HERE / "data").mkdir(exist_ok=True)
    path = HERE / "data" / f"20240301_mailingrecipients_{given.rows}.csv"
    if not path.exists():
        generate(path, given.rows)
    runs: dict[str, list[tuple[float, float, float]]] = {"ours": [], "bare": []}
    for _ in range(given.runs):
        for name, figures in runs.items():
            figures.append(measured(name, path))
    write_down(runs, given.rows, path.stat().st_size)


def write_down(runs: dict[str, list[tuple[float, float, float]]], rows: int, size: int) -> None:
    """Print the medians and the ratio, and keep them in RESULTS.md."""
    medians = {
        name: [statistics.median(figures) for figures in zip(*each, strict=True)]
        for name, each in runs.items()
    }
    lines = [
        "# Results",
        "",
        f"`python -m benchmarks.load`: {rows:,} rows, {size / 1e6:,.0f} MB, medians of {len(runs['ours'])} interleaved runs.",
        "",
        "| | wall s | CPU s | peak MiB | rows/s |",
        "|---|---|---|---|---|",
    ]
    titles = {
        "ours": "closedloop: check + quarantine + load",
        "bare": "DuckDB typed `read_csv`, no checks",
    }
    for name, (wall, cpu, peak) in medians.items():
        lines.append(
            f"| {titles[name]} | {wall:.1f} | {cpu:.1f} | {peak:,.0f} | {rows / wall:,.0f} |"
        )
    ratio = [ours / bare for ours, bare in zip(medians["ours"], medians["bare"], strict=True)]
    lines.append(
        f"| ratio | {ratio[0]:.2f} | {ratio[1]:.2f} | {ratio[2]:.2f} | {1 / ratio[0]:.2f} |"
    )
    text = "\n".join(lines) + "\n"
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
