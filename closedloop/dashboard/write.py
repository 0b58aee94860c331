"""The page's file: written whole or not at all, and only when there is something new."""

import os
from collections.abc import Iterable
from pathlib import Path

from closedloop.dashboard.render import as_html
from closedloop.model.page import Page
from closedloop.state import appearing, speaking

READABLE_BY_GROUP = 0o640
SECONDS_FRESH = 3600


def write_page(page: Page, path: Path) -> int:
    """Write the page and return its size in bytes; its group may read it too, for it holds nothing of one person."""
    content = as_html(page).encode()
    with speaking(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        with appearing(path) as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), READABLE_BY_GROUP)
    return len(content)


def is_fresh(path: Path, made_of: Iterable[Path], touched: Path) -> bool:
    """Say whether the page is newer than all it is made of, and not an hour older than what every run touches."""
    written = _modified(path)
    if any(_modified(source) >= written for source in made_of):
        return False
    return _modified(touched) < written + SECONDS_FRESH


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
