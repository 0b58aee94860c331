"""Words that platform.toml may use, checked with the nearest right one named."""

from collections.abc import Iterable
from difflib import get_close_matches

from closedloop.errors import ProjectError


def known(value: str, allowed: Iterable[str], where: str) -> None:
    """Raise `ProjectError` with the nearest right word unless `value` is allowed."""
    allowed = list(allowed)
    if value in allowed:
        return
    near = get_close_matches(value, allowed, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(allowed)}"
    raise ProjectError(f"{where}: '{value}' is not known; {hint}")
