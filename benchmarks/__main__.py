"""Measure, print, and write benchmarks/RESULTS.md.

python -m benchmarks [PART...] [--runs 5]

Without a part, all are measured; it takes about an hour on two cores. The others' rows stay as they were measured last.
"""

import argparse
import importlib
import time

from benchmarks import measure

PARTS = {
    "load": "ten million rows checked, quarantined and loaded, beside bare read_csv; 6 minutes, 14 GB of disk",
    "transfer": "files down and up beside OpenSSH's sftp, near and 40 ms away; 5 minutes",
    "pull": "a whole day from the server into the tables, beside sftp and bare read_csv; 3 minutes",
    "others": "the same day by what a user would pick instead; 12 minutes, and packages from the network",
    "growth": "1, 10, 100 million rows and 10, 100, 1,000 files, with pictures; 10 minutes, 14 GB of disk",
    "startup": "help, status, a pull with nothing new, beside bare imports; a minute",
    "years": "the same in a state folder of two years; two minutes",
    "selection": "a million recipients selected, suppressed, written, beside a bare COPY; a minute",
    "views": "campaigns and suppressions over a hundred million rows, beside a bare count; 8 minutes, 5 GB of disk",
}
"""What each part measures and takes, with five runs on two cores."""


def main() -> None:
    """Measure the parts that were asked for, one after the other."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="parts:\n" + "\n".join(f"  {name:9}  {words}" for name, words in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("parts", nargs="*", metavar="PART", help="what to measure")
    arguments.add_argument("--runs", type=int, default=5, help="turns of each contender; 5")
    given = arguments.parse_args()
    if unknown := {*given.parts} - {*PARTS}:
        arguments.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    measure.DATA.mkdir(exist_ok=True)
    for name in given.parts or PARTS:
        print(f"== {name}", flush=True)
        began = time.perf_counter()
        rows = importlib.import_module(f"benchmarks.{name}").measure(given.runs)
        measure.keep(name, rows, given.runs)
        print(f"   ({time.perf_counter() - began:,.0f} s)", flush=True)
    print((measure.HERE / "RESULTS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
