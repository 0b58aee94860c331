"""The nearest right word for a wrong one."""

import difflib
import json
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known word, else which words there are."""
    choices = sorted(known)
    return near(word, choices) or (
        f"; there is {', '.join(map(_shown, choices))}" if choices else ""
    )


def near(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known word, else nothing: for words that are many."""
    lowered = {choice.lower(): choice for choice in sorted(known)}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    begun = [choice for choice in lowered if choice.startswith(word.lower())]
    close = close or (begun if len(begun) == 1 else [])
    return f"; did you mean {_shown(lowered[close[0]])}?" if close else ""


def _shown(word: str) -> str:
    """Return a word in quotes; one with a tab in it as a file must have it."""
    return f"'{word}'" if word.isprintable() else json.dumps(word)
