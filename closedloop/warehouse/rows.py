"""Our own values as rows of the warehouse's tables, and back."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from closedloop.model.file import Counts, FileIdentity, Load
from closedloop.model.wave import Wave


def utc(moment: datetime) -> datetime:
    """Return an aware time as the warehouse stores it: in UTC, without the zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def load_row(
    load_id: int, file: FileIdentity, counts: Counts, loaded_at: datetime
) -> tuple[object, ...]:
    """Return a load in the order of the columns of `loads`."""
    return (
        load_id,
        file.client,
        file.schema,
        file.name,
        file.day,
        file.size,
        utc(file.modified),
        file.sha256,
        counts.records,
        counts.loaded,
        counts.quarantined,
        counts.blank,
        counts.header,
        utc(loaded_at),
    )


def load_of(row: dict[str, Any], rejects: Sequence[tuple[str, str, int]]) -> Load:
    """Return the load that a row of `loads` and its rejects tell of."""
    file = FileIdentity(
        client=row["client"],
        schema=row["schema_name"],
        name=row["file"],
        day=row["day"],
        size=row["size"],
        modified=row["modified"].replace(tzinfo=UTC),
        sha256=row["sha256"],
    )
    counts = Counts(row["loaded"], row["quarantined"], row["blank"], row["header"])
    return Load(file, counts, row["loaded_at"].replace(tzinfo=UTC), tuple(rejects))


def wave_row(wave: Wave) -> tuple[object, ...]:
    """Return a wave in the order of the columns of `sent_waves`."""
    return (
        wave.client,
        wave.wave_id,
        wave.job,
        wave.source_mailing,
        wave.file,
        _utc_or_none(wave.slot),
        wave.test,
        wave.state.value,
        wave.selected,
        wave.written,
        json.dumps(wave.dropped, sort_keys=True),
        sum(wave.dropped.values()),
        wave.size,
        wave.sha256,
        utc(wave.built_at),
        _utc_or_none(wave.published_at),
        wave.resend_of,
        _utc_or_none(wave.confirmed_at),
        wave.confirmed_by,
    )


def _utc_or_none(moment: datetime | None) -> datetime | None:
    return utc(moment) if moment else None
