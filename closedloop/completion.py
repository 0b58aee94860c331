"""What a shell offers for the word under the cursor: jobs, error files, runs, waves, quarantined files.

The shell asks at every press of a key, so nothing is imported or checked that need not be: names come from the folders.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click

Offers = Callable[[click.Context, click.Parameter, str], list[str]]

OF_AN_ERROR = re.compile(r"(.+)-\d{8}T\d{6}Z(?:-\d+)?")
OF_A_CONTENT = re.compile(r"(.+)\.[0-9a-f]{8}")
RUNS = 200


def offering(names: Callable[[Path], Iterable[str]]) -> Offers:
    """Return what click asks for: those of a project's names that begin as the word does; none where something is wrong."""

    def offers(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
        try:
            found = sorted(set(names(Path(ctx.find_root().params["root"]))))
        except Exception:  # noqa: BLE001 whatever is wrong, a traceback in the middle of a command line helps nobody
            return []
        return [name for name in found if name.startswith(begun)]

    return offers


def jobs(root: Path) -> Iterable[str]:
    """Return the names of the project's jobs."""
    return (path.stem for path in (root / "jobs").glob("*.toml"))


def open_errors(root: Path) -> Iterable[str]:
    """Return the open error files, and the jobs that they are about."""
    for path in (_state(root) / "errors").glob("*.json"):
        yield path.stem
        if found := OF_AN_ERROR.fullmatch(path.stem):
            yield found[1]


def runs(root: Path) -> Iterable[str]:
    """Return the ids of the latest runs, and the names of the jobs."""
    from closedloop.ledger import Ledger

    with Ledger(_state(root) / "ledger.sqlite") as ledger:
        return [*jobs(root), *(run.run_id for run in ledger.latest_runs(RUNS))]


def waves(root: Path) -> Iterable[str]:
    """Return the waves."""
    from closedloop.ledger import Ledger

    with Ledger(_state(root) / "ledger.sqlite") as ledger:
        return [str(wave.wave_id) for wave in ledger.waves()]


def quarantined(root: Path) -> Iterable[str]:
    """Return the response files of which rows were rejected."""
    for path in (_state(root) / "quarantine").glob("*/*.csv"):
        if found := OF_A_CONTENT.fullmatch(path.stem):
            yield found[1]


def _state(root: Path) -> Path:
    import tomllib

    settings = tomllib.loads((root / "closedloop.toml").read_text(encoding="utf-8-sig"))
    return root / str(settings.get("paths", {}).get("state", "var"))
