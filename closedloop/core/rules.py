"""Named rules over several columns, which a schema lists under `rules`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from closedloop.core.nearest import nearest
from closedloop.errors import ProjectError
from closedloop.model.stored import stored_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from closedloop.model.table import Schema

    # Polars is not imported to run: whether a rule exists is asked far more often than the rule is applied.
    Stored = Mapping[str, pl.Expr]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the stored columns it reads, what breaking it means, what then happens to the row.

    `holds` makes the expression that is true where the rule holds; null counts as holding.
    `sentence` says what is wrong with a row that breaks it.
    """

    columns: tuple[str, ...]
    severity: Literal["reject", "warn"]
    sentence: str
    holds: Callable[[Stored], pl.Expr]


def _finished_not_before_started(stored: Stored) -> pl.Expr:
    # A time in the repeated autumn hour is taken for its first occurrence, an hour early perhaps.
    return (stored["finished_at"] >= stored["started_at"]) | stored["finished_at_ambiguous"]


def _delivery_fits_sending(stored: Stored) -> pl.Expr:
    sending, delivery = stored["sending_status"], stored["delivery_status"]
    return ~(
        ((sending == "sent") & delivery.is_null())
        | ((sending == "could_not_be_sent") & (delivery == "OK"))
        | ((sending == "sending") & delivery.is_in(["HARD", "SOFT"]))
    )


RULES: Mapping[str, Rule] = {
    "finished_not_before_started": Rule(
        ("started_at", "finished_at", "finished_at_ambiguous"),
        "warn",
        "finished before it started",
        _finished_not_before_started,
    ),
    "delivery_fits_sending": Rule(
        ("sending_status", "delivery_status"),
        "warn",
        "delivery status does not fit the sending status",
        _delivery_fits_sending,
    ),
}
"""All rules by name."""


def rules_of(schema: Schema) -> list[Rule]:
    """Return the rules a schema lists; ProjectError for one that is unknown or reads a column it lacks."""
    stored = {column.name for column in stored_columns(schema)}
    for name in schema.rules:
        if name not in RULES:
            raise ProjectError(
                f"schema '{schema.name}': no rule is called '{name}'{nearest(name, RULES)}"
            )
        lacking = [column for column in RULES[name].columns if column not in stored]
        if lacking:
            raise ProjectError(
                f"schema '{schema.name}': rule '{name}' reads a column '{lacking[0]}', which the schema lacks; "
                f"name a column so, or take the rule out"
            )
    return [RULES[name] for name in schema.rules]
