"""Mailing a wave once more, to those whom it bounced softly: which wave may be, and its rows."""

from collections.abc import Sequence
from io import BytesIO

import polars as pl

from closedloop.core.recipients import normalised, selected_columns
from closedloop.errors import ProjectError
from closedloop.model.table import Schema
from closedloop.model.wave import Wave, WaveState

SENT = (WaveState.PUBLISHED, WaveState.CONFIRMED)
SHOWN = 10


def wave_of(waves: Sequence[Wave], wave_id: int) -> Wave:
    """Return a wave of some; `ProjectError` names the known ones where it is none of them, or of several clients."""
    found = [wave for wave in waves if wave.wave_id == wave_id]
    if len(found) > 1:
        clients = ", ".join(wave.client for wave in found)
        raise ProjectError(
            f"several clients have a wave {wave_id}: name one with --client ({clients})"
        )
    if not found:
        known = [str(wave.wave_id) for wave in waves if wave.state in SENT and not wave.test]
        told = f"the latest are {', '.join(known[-SHOWN:])}" if known else "none has gone out yet"
        raise ProjectError(f"there is no wave {wave_id}: {told}")
    return found[0]


def mailings_of(wave: Wave, waves: Sequence[Wave], *, again: bool) -> list[int]:
    """Return the mailings that a wave and its resends became, its own first.

    Raises `ProjectError` where it is not known whom the wave bounced, or where it was sent once more already.
    """
    if wave.test:
        raise ProjectError(f"wave {wave.wave_id} was a test: run it again with --test")
    resends = [each for each in waves if each.resend_of == wave.wave_id and each.state in SENT]
    if resends and not again:
        raise ProjectError(
            f"wave {wave.wave_id} was sent to its soft bounces already, as wave {resends[-1].wave_id}; --again does so once more, "
            "to those whom that one bounced softly, too"
        )
    found = {each.wave_id: each.mailing_id for each in (wave, *resends)}
    for number, mailing in found.items():
        if mailing is None:
            raise ProjectError(
                f"wave {number} is not seen in the response data yet, so it is not known whom it bounced: pull first"
            )
    return [mailing for mailing in found.values() if mailing is not None]


def rows_of(
    content: bytes, schema: Schema, recipients: pl.Series, *, is_first: bool
) -> pl.DataFrame:
    """Return the rows of a stretch of a kept copy that go to these recipients, as a selection yields them.

    Raises `ProjectError` where the copy was written in another layout.
    """
    try:
        rows = pl.read_csv(
            BytesIO(content),
            has_header=is_first and schema.header == "required",
            separator=schema.separator,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        # What polars says may quote a row.
        raise _of_another_layout(schema) from None
    if rows.width != len(schema.columns):
        raise _of_another_layout(schema)
    rows.columns = list(schema.columns)
    email = next(column.header for column in selected_columns(schema) if column.type == "email")
    wanted = recipients.to_frame("recipient").select(normalised(pl.col("recipient"))).to_series()
    mailed = normalised(pl.col(email)).is_in(wanted.implode())
    return rows.filter(mailed).select(column.header for column in selected_columns(schema))


def _of_another_layout(schema: Schema) -> ProjectError:
    return ProjectError(
        f"schemas/{schema.name}.toml: the kept copy of the wave has other columns, so it can't be sent in this layout"
    )
