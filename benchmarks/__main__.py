"""Measure, print, and write benchmarks/RESULTS.md.

python -m benchmarks [PART...] [--runs 5]

Without a part, all are measured; it takes about an hour on two cores. The others' rows stay as they were measured last.
"""

import argparse
import importlib
import time

from benchmarks import measure

PARTS = ("load", "transfer", "pull", "others", "growth", "startup", "years", "selection", "views")


def main() -> None:
    """Measure the parts that were asked for, one after the other."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments.add_argument("--runs", type=int, default=5)
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
