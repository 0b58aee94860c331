"""What a retry is for: a slot that an earlier run left without its wave."""

import json
from collections.abc import Iterable
from datetime import datetime

from closedloop.model.wave import Try, Wave, WaveState

UNREACHABLE, HAD_TO_WAIT = 69, 75


def is_left_undone(tried: Try | None, waves: Iterable[Wave], slot: datetime) -> bool:
    """Say whether an earlier run of this slot died, had to wait, or could not reach something."""
    if tried and tried.slot == slot and tried.exit_code in (None, UNREACHABLE, HAD_TO_WAIT):
        return True
    unfinished = (WaveState.BUILT, WaveState.STAGED, WaveState.PUBLISHING)
    return any(wave.slot == slot and wave.state in unfinished for wave in waves)


def was_said(sentence: str, report: str | None) -> bool:
    """Say whether the last run, of which this is the report, ended with the same sentence."""
    return report is not None and json.loads(report).get("error") == sentence
