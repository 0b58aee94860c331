"""The crash sweep's short form; `make sweep` is the whole."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sweep(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 our own command line
        [sys.executable, "-m", "tests.sweep", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


@pytest.mark.parametrize("flow", ["send", "pull"])
def test_a_process_may_be_killed_anywhere(flow: str) -> None:
    done = sweep(flow, "--most", "6")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sweep_sees_what_a_broken_program_breaks_and_what_it_missed_itself() -> None:
    done = sweep("send", "--weapon", "edges", "--most", "1", "--idle", "ledger.put_wave")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "of which the ledger knows nothing" in done.stdout
    assert "never seen: ledger.put_wave" in done.stdout
