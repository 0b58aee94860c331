"""Whether the disk has room for what is still to come."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from closedloop.core.report import number
from closedloop.model.file import Load

if TYPE_CHECKING:
    from datetime import date

DELIVERIES = 3
MEGABYTE = 1_000_000


def scarcity(free: int, loads: Iterable[Load]) -> str | None:
    """Say so if less than three times the last day's files is free: landing, archive and warehouse take some each."""
    sizes: dict[date, int] = {}
    for load in loads:
        sizes[load.file.day] = sizes.get(load.file.day, 0) + load.file.size
    last = sizes[max(sizes)] if sizes else 0
    if free >= DELIVERIES * last:
        return None
    return (
        f"the disk of the state folder has {number(free // MEGABYTE, 'megabyte')} left, and the last delivery had "
        f"{last // MEGABYTE:,}: make room before the next ones come"
    )
