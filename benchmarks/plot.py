"""Draw what growing work costs: wall time and peak memory over size, beside a line for "linear".

python -m benchmarks.plot POINTS FILE.svg
"""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

COLOURS = ("#0b6e99", "#b3541e")


def draw(curves: list[dict[str, Any]], path: str) -> None:
    """Write an SVG; the same points give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "closedloop", "svg.fonttype": "none", "font.size": 10})
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained", facecolor="white")
    time, memory = figure.subplots(1, 2)
    for curve, colour in zip(curves, COLOURS, strict=False):
        time.plot(curve["sizes"], curve["wall"], "o-", color=colour, label=curve["what"])
        memory.plot(curve["sizes"], curve["peak"], "o-", color=colour, label=curve["what"])
    _linear(time, curves[0])
    _label(time, curves[0], "wall time, s")
    time.set_yscale("log")
    _in_plain_numbers(time.yaxis)
    _label(memory, curves[0], "peak memory, MiB")
    memory.set_ylim(0, 1.4 * max(max(curve["peak"]) for curve in curves))
    figure.savefig(path, metadata={"Date": None})


def _linear(axes: "Axes", curve: dict[str, Any]) -> None:
    """Draw the straight line through the largest size: what the smaller ones cost above it is the start."""
    sizes, last = curve["sizes"], curve["wall"][-1]
    line = [last * size / sizes[-1] for size in sizes]
    axes.plot(sizes, line, "--", color="#888888", label="linear", zorder=1)


def _label(axes: "Axes", curve: dict[str, Any], what: str) -> None:
    axes.set_xscale("log")
    _in_plain_numbers(axes.xaxis)
    axes.set_xticks(curve["sizes"])
    axes.set_xlabel(curve["unit"])
    axes.set_ylabel(what)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False)


def _in_plain_numbers(axis: "Axis") -> None:
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


if __name__ == "__main__":
    draw(json.loads(sys.argv[1]), sys.argv[2])
