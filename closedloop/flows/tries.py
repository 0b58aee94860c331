"""What is left undone in a slot: each start of a send job is written down before its first act."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from closedloop.core.slots import current_slot
from closedloop.errors import ClosedLoopError
from closedloop.ledger import Ledger
from closedloop.model.job import SendJob
from closedloop.model.wave import Try

INTERRUPTED, BUG = 130, 70


@contextmanager
def tried(job: SendJob, zone: ZoneInfo, ledger: Ledger, now: datetime) -> Iterator[None]:
    """Write down that the job was started in its slot, and how that ended; of a killed run the end stays open."""
    slot = current_slot(job.schedule, now, zone)
    last = ledger.last_try(job.name)
    first = last.started if last and last.slot == slot else now
    ledger.put_try(Try(job.name, slot, first))
    code = BUG
    try:
        yield
        code = 0
    except ClosedLoopError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        raise
    finally:
        # What ended the run is worth more than that it can't be written down.
        with suppress(ClosedLoopError):
            ledger.put_try(Try(job.name, slot, first, code))
