"""Who must not be mailed: a warehouse that is whole and up to date, or no sending."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from closedloop.core.report import number
from closedloop.errors import TryLater
from closedloop.flows.ports import Ports

if TYPE_CHECKING:
    from polars import DataFrame, Series

Notes = list[str]

LONG = timedelta(days=7)


def up_to_date(client: str, ports: Ports) -> Notes:
    """Bring the warehouse up to date; say so if it knows nobody of this client yet.

    Raises `TryLater` where it lacks what had been loaded: the next pull fills it, and a send goes through again.
    """
    known = {(load.file.name, load.file.sha256) for load in ports.ledger.files(client)}
    if known and ports.warehouse.mark() is None:
        raise _lost({name for name, _ in known})
    notes = ports.warehouse.prepare(ports.responses)
    loads = ports.warehouse.loads(client)
    # A pull that died while it filled a lost warehouse has healed the ledger already; the archive still tells.
    if not loads and (kept := ports.state.archives(client)):
        raise _lost({path.stem for path in kept})
    loaded = {(load.file.name, load.file.sha256) for load in loads}
    if known - loaded:
        raise _lost({name for name, _ in known - loaded})
    if not loaded:
        notes.append(
            f"no response file of '{client}' is loaded yet: nobody is known to have unsubscribed or bounced"
        )
    return notes


def suppressed(client: str, addresses: "Series", ports: Ports) -> "DataFrame":
    """Return who of these, by their normalised addresses, must not be mailed, and why."""
    # Late: that the warehouse is up to date is seen before anything is selected.
    from closedloop.core.recipients import asked_for, in_our_words

    spellings = ports.warehouse.spellings(client)
    found = ports.warehouse.suppressed(client, asked_for(addresses, spellings))
    return in_our_words(found, spellings)


def out_of_date(client: str, ports: Ports, now: datetime) -> Notes:
    """Say so where no response file has come for a week (spec/optimizely.md, section 9, U24)."""
    days = [load.file.day for load in ports.ledger.files(client)]
    today = now.astimezone(ports.client.zone).date()
    if not days or today - max(days) <= LONG:
        return []
    stale = (
        f"the newest response file of '{client}' is of {max(days)}, {(today - max(days)).days} days ago: who unsubscribed or "
        "bounced since is not known; look after the pull job"
    )
    return [stale]


def _lost(names: set[str]) -> TryLater:
    return TryLater(
        f"the warehouse lacks {number(len(names), 'file')} that had been loaded, {max(names)} among them: it may have been "
        "lost, and with it who unsubscribed. Nothing was sent; run the pull job of this client first"
    )
