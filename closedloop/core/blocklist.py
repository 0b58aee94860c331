"""Patterns of addresses that must not be mailed; `*` stands for anything, every other sign for itself."""

import re
from collections.abc import Iterable, Sequence

import polars as pl

# The engine takes an expression of ten megabytes at most: so many patterns stay far below.
PATTERNS_AT_ONCE = 500
_WHOLE_DOMAIN = re.compile(r"\*@[^*@]+")


def blocked(address: pl.Expr, patterns: Sequence[str]) -> pl.Expr:
    """Return whether an address fits a pattern, as a whole; a null fits none. Both are normalised.

    Plain addresses and whole domains (`*@example.com`) may be many thousands: they are looked up, not searched.
    """
    cleaned = {*patterns} - {""}
    plain = {pattern for pattern in cleaned if "*" not in pattern}
    domains = {pattern for pattern in cleaned if _WHOLE_DOMAIN.fullmatch(pattern)}
    wild = sorted(cleaned - plain - domains)
    found = [address.is_in(sorted(plain))] if plain else []
    if domains:
        domain = address.str.extract(r"@([^@]*)$")
        found.append(domain.is_in(sorted(pattern[2:] for pattern in domains)))
    starts = range(0, len(wild), PATTERNS_AT_ONCE)
    found += [address.str.contains(_expression(wild[n : n + PATTERNS_AT_ONCE])) for n in starts]
    return pl.any_horizontal(pl.lit(value=False), *found).fill_null(value=False)


def _expression(patterns: Iterable[str]) -> str:
    each = (".*".join(re.escape(part) for part in pattern.split("*")) for pattern in patterns)
    return f"^(?s:{'|'.join(each)})$"
