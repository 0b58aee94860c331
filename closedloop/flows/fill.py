"""Selected rows on their way into the outbox: fitted, suppressed, and written."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from polars import DataFrame, Series, String, concat

from closedloop.ahead import Ahead
from closedloop.core.forgotten import without_forgotten
from closedloop.core.recipients import (
    column_disagreements,
    decide,
    dropped,
    fit,
    head,
    lines,
    masked,
    written_addresses,
)
from closedloop.errors import ProjectError
from closedloop.flows.build import Built, Wanted
from closedloop.flows.ports import Ports
from closedloop.flows.suppress import suppressed
from closedloop.model.table import Schema
from closedloop.spool import Spool
from closedloop.state import OutboxFile, sha256

PREVIEW_LINES = 5
AHEAD = 2
"""So many batches are turned into lines while another is written."""


def fill(wanted: Wanted, batches: Iterable[DataFrame], path: Path, ports: Ports) -> Built:
    """Write one file of selected rows; the contract is in `build`."""
    with Spool(path.with_name(f"{wanted.job}.{wanted.schema.name}.spool")) as spool:
        reasons = _decide(wanted, batches, spool, ports)
        with OutboxFile(path) as out, closing(Ahead(_lines(spool, reasons, wanted), AHEAD)) as text:
            out.write(head(wanted.schema))
            for each in text:
                out.write(each)
    return Built(len(reasons), reasons.null_count(), dropped(reasons), out.size, out.sha256)


def foresee(wanted: Wanted, batches: Iterable[DataFrame], path: Path, ports: Ports) -> Built:
    """Return what a file of selected rows would hold; the contract is in `preview`."""
    with Spool(path.with_name(f"{wanted.job}.{wanted.schema.name}.spool")) as spool:
        reasons = _decide(wanted, batches, spool, ports)
        first = next(
            (rows.head(PREVIEW_LINES) for rows in _kept(spool, reasons) if len(rows)), None
        )
    shown = (
        []
        if first is None
        else lines(masked(first, wanted.schema), wanted.schema, wanted.fills).decode().splitlines()
    )
    return Built(len(reasons), reasons.null_count(), dropped(reasons), preview=tuple(shown))


def take_out(path: Path, schema: Schema, client: str, ports: Ports) -> Built:
    """Write a file anew without those who must not be mailed; the contract is in `prune`."""
    with path.open("rb") as stream:
        addresses = written_addresses(stream.read(), schema)
    none = Series([None] * len(addresses), dtype=String)
    reasons = decide(
        addresses,
        without_forgotten(addresses, none, ports.forgotten),
        suppressed(client, addresses, ports),
        ports.blocklist,
    )
    gone = dropped(reasons)
    if not gone:
        return Built(len(reasons), len(reasons), {}, path.stat().st_size, sha256(path))
    heading = [None] if head(schema) else []
    with path.open("rb") as written, OutboxFile(path) as out:
        for line, reason in zip(written, [*heading, *reasons], strict=True):
            if reason is None:
                out.write(line)
    return Built(len(reasons), reasons.null_count(), gone, out.size, out.sha256)


def _decide(wanted: Wanted, batches: Iterable[DataFrame], spool: Spool, ports: Ports) -> Series:
    """Spool the selected rows; return for each why it is dropped, or null."""
    addresses, reasons = [], []
    progress = ports.watch(f"select for {wanted.job}")
    for batch in batches:
        _refuse_other_columns(batch, wanted)
        fitted = fit(batch, wanted.schema, wanted.consent)
        spool.append(fitted.rows)
        addresses.append(fitted.address)
        reasons.append(without_forgotten(fitted.address, fitted.reason, ports.forgotten))
        progress(sum(map(len, addresses)), 0)
    if wanted.consent is None:
        return concat(reasons)
    together = concat(addresses)
    return decide(
        together, concat(reasons), suppressed(wanted.client, together, ports), ports.blocklist
    )


def _lines(spool: Spool, reasons: Series, wanted: Wanted) -> Generator[bytes]:
    """Yield the lines of the file, batch by batch."""
    for rows in _kept(spool, reasons):
        yield lines(rows, wanted.schema, wanted.fills)


def _kept(spool: Spool, reasons: Series) -> Iterator[DataFrame]:
    """Yield the rows that are written, batch by batch."""
    done = 0
    for rows in spool.batches():
        yield rows.filter(reasons.slice(done, len(rows)).is_null())
        done += len(rows)


def _refuse_other_columns(batch: DataFrame, wanted: Wanted) -> None:
    wrong = column_disagreements(batch.columns, wanted.schema)
    if wrong:
        raise ProjectError(
            "\n".join(f"jobs/{wanted.job}.toml: selection: {sentence}" for sentence in wrong)
        )
