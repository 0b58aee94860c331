"""Publishing a built wave: each state is in the ledger before the act that leads on; look before acting again."""

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from closedloop.core.stamps import FORMAT, after, lowest_free, moment
from closedloop.errors import (
    AlreadyThere,
    ClosedLoopError,
    NotThere,
    OutcomeUnknown,
    RemoteError,
    TryLater,
)
from closedloop.flows.build import prune
from closedloop.flows.ports import Layouts, Ports
from closedloop.model.filename import Pattern
from closedloop.model.table import Schema
from closedloop.model.wave import Wave, WaveState
from closedloop.state import describe_copy, pack, sha256, unpack

logger = logging.getLogger(__name__)

TRIES = 2
FRESH = timedelta(hours=1)
"""So long a wave that mailed nobody may go on; after that its people are selected anew."""
FORGOTTEN = "forgotten"
UNSENT = (WaveState.BUILT, WaveState.STAGED, WaveState.PUBLISHING)


def deliver(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Stage and publish a built wave, its product data first; return it as it then stands."""
    ports.at("stage")
    for path in ports.state.products_of(wave.client, wave.wave_id):
        _deliver_products(path, ports)
    temporary = _temporary(wave, ports)
    ports.remote.remove(temporary)
    try:
        ports.remote.stage(_outbox(wave, ports), temporary, ports.watch(f"upload {wave.file}"))
    except OutcomeUnknown as error:
        logger.warning("%s: %s", wave.file, error)
        return _put(wave, WaveState.UNKNOWN, ports)
    return _publish(_put(wave, WaveState.STAGED, ports), ports, now)


def settle(wave: Wave, subscribers: Schema, ports: Ports, now: datetime) -> Wave | None:
    """Find out what became of a wave that an earlier run left, and bring it to its end.

    What was not renamed mailed nobody. It goes on where it stood, without those who left since; but one that was not
    written to its end, or more than an hour ago, is withdrawn, returning None, so that the slot is filled by
    a new selection. A wave that is sent again on a person's word is never withdrawn.

    Where only its kept copy is left, it was published, and the ledger is an older one put back.
    """
    if wave.state in UNSENT and _is_put_away(wave, ports):
        ports.remote.remove(_temporary(wave, ports))
        return _published(_counted(wave, ports), ports, now)
    if wave.state is WaveState.PUBLISHING:
        wave = _look(wave, ports, now)
    if wave.state not in UNSENT:
        return wave
    is_again = _is_again(wave, subscribers)
    if is_again or wave.built_at <= now <= wave.built_at + FRESH:
        ready = _ready(wave, subscribers, ports, is_again=is_again)
        if ready:
            return _go_on(ready, ports, now)
    withdraw(wave, ports)
    logger.warning("%s: withdrawn before it was sent", wave.file)
    return None


def publish_again(wave: Wave, layouts: Layouts, ports: Ports, now: datetime) -> Wave:
    """Publish a wave's content once more under a new name, without those who left since: a person knows it mailed nobody."""
    pattern = Pattern(layouts.subscribers.file)
    lowest = lowest_free(now, ports.client.zone, ports.remote.listing(ports.client.upload), pattern)
    stamp = ports.ledger.take_stamp(wave.client, lowest, after)
    # A rename of it that is still to come, however late, then finds nothing.
    ports.remote.remove(_temporary(wave, ports))
    _set_aside(wave, ports)
    if layouts.products:
        _set_products_aside(wave, layouts, stamp, ports)
    wave = replace(
        wave,
        file=pattern.name(moment(stamp)),
        state=WaveState.BUILT,
        published_at=None,
        confirmed_at=None,
        confirmed_by=None,
    )
    ports.ledger.put_wave(wave)
    settled = settle(wave, layouts.subscribers, ports, now)
    if settled is None:
        raise ClosedLoopError(
            f"wave {wave.wave_id}: everybody in it has left since; nothing was sent"
        )
    return settled


def call_back(wave: Wave, first: str, ports: Ports, now: datetime) -> Wave:
    """Give up a second publishing that did not come to its end: a person knows that the first one went well.

    Returns the wave as published under its `first` name, or under the second one, if that is out already.
    """
    if wave.state is WaveState.PUBLISHING:
        wave = _look(wave, ports, now)
    if wave.state not in UNSENT:
        return wave
    ports.remote.remove(_temporary(wave, ports))
    aside = ports.state.again(wave.client, wave.wave_id)
    for path in (aside, _outbox(wave, ports)):
        if path.is_file():
            path.replace(ports.state.outbox(wave.client, first))
    return _put(replace(wave, file=first, published_at=now), WaveState.PUBLISHED, ports)


def discard(wave: Wave, ports: Ports) -> None:
    """Forget a wave that never left this machine."""
    ports.state.clear_outbox(wave.client, wave.wave_id, wave.file)
    ports.ledger.forget_wave(wave.client, wave.wave_id)


def keep_copies(wave: Wave, ports: Ports) -> None:
    """Move what was published out of the outbox; nothing to do where that was done already."""
    for path in [*ports.state.products_of(wave.client, wave.wave_id), _outbox(wave, ports)]:
        if path.is_file():
            pack(path, ports.state.sent(wave.client, path.name))
    ports.state.clear_outbox(wave.client, wave.wave_id, wave.file)


def _set_aside(wave: Wave, ports: Ports) -> None:
    """Put a wave's content where its new name finds it; the ledger still knows the old one."""
    aside = ports.state.again(wave.client, wave.wave_id)
    if _outbox(wave, ports).is_file():
        _outbox(wave, ports).replace(aside)
    elif not aside.is_file():
        copy = ports.state.sent(wave.client, wave.file)
        if not copy.is_file():
            raise ClosedLoopError(
                f"wave {wave.wave_id}: no copy of {wave.file} is kept, so it can't be sent again; nothing was sent. "
                f"If nobody was mailed, send a new selection: closedloop restart {wave.job} --assume-sent, then "
                f"closedloop run {wave.job} --again"
            )
        unpack(copy, aside)


def _set_products_aside(wave: Wave, layouts: Layouts, stamp: int, ports: Ports) -> None:
    """Give a wave's product data the time of its new name; they are published before it, as they were the first time."""
    if layouts.products is None:
        return
    pattern, found = (
        Pattern(layouts.products.file),
        Pattern(layouts.subscribers.file).match(wave.file),
    )
    target = ports.state.products(wave.client, wave.wave_id, pattern.name(moment(stamp)))
    waiting = ports.state.products_of(wave.client, wave.wave_id)
    copy = ports.state.sent(wave.client, pattern.name(found)) if found else None
    if waiting:
        waiting[-1].replace(target)
    elif copy and copy.is_file():
        unpack(copy, target)


def _is_put_away(wave: Wave, ports: Ports) -> bool:
    """Say whether only the copy is left of a wave, which is made once it is published."""
    waiting = (_outbox(wave, ports), ports.state.again(wave.client, wave.wave_id))
    is_kept = ports.state.sent(wave.client, wave.file).is_file()
    return is_kept and not any(path.is_file() for path in waiting)


def _counted(wave: Wave, ports: Ports) -> Wave:
    """Return a wave with the figures of its copy, where the ledger has none yet."""
    if wave.written:
        return wave
    copy = describe_copy(_outbox(wave, ports), ports.state.sent(wave.client, wave.file))
    return replace(
        wave, selected=copy.lines, written=copy.lines, size=copy.size, sha256=copy.sha256
    )


def _is_again(wave: Wave, subscribers: Schema) -> bool:
    """Say whether a wave goes out under another name than its first, which is its WELLE_ID."""
    found = Pattern(subscribers.file).match(wave.file)
    return found is not None and int(found.strftime(FORMAT)) != wave.wave_id


def _ready(wave: Wave, subscribers: Schema, ports: Ports, *, is_again: bool) -> Wave | None:
    """Return a wave as it may be published now, or None where its file is not whole or nobody is left in it."""
    path, aside = _outbox(wave, ports), ports.state.again(wave.client, wave.wave_id)
    if aside.is_file():
        aside.replace(path)
    if not path.is_file() or not (is_again or sha256(path) == wave.sha256):
        return None
    left = prune(path, subscribers, wave.client, ports)
    if left.sha256 != wave.sha256:
        # Whose lines were taken out of the file itself are people who wanted to be forgotten.
        gone = Counter(left.dropped)
        gone[FORGOTTEN] += wave.written - left.written - gone.total()
        dropped = dict(Counter(wave.dropped) + gone)
        wave = replace(
            wave, written=left.written, dropped=dropped, size=left.size, sha256=left.sha256
        )
        wave = _put(wave, WaveState.BUILT, ports)
    return wave if left.written else None


def _go_on(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Publish what is on the server already, else upload it first."""
    # A long transfer must not keep others out of the warehouse.
    ports.warehouse.close()
    if wave.state is not WaveState.BUILT:
        staged = ports.remote.find(_temporary(wave, ports))
        if staged and staged.size == wave.size:
            return _publish(wave, ports, now)
    return deliver(wave, ports, now)


def _publish(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Rename the staged file to its final name: this is what mails people."""
    ports.at("publish")
    wave = _put(wave, WaveState.PUBLISHING, ports)
    for _ in range(TRIES):
        try:
            ports.remote.publish(_temporary(wave, ports), _final(wave, ports))
        except (OutcomeUnknown, AlreadyThere, NotThere) as error:
            logger.warning("%s: %s", wave.file, error)
            if isinstance(error, OutcomeUnknown) and error.looked:
                return _put(wave, WaveState.UNKNOWN, ports)
            wave = _look(wave, ports, now)
        else:
            wave = _published(wave, ports, now)
        if wave.state is not WaveState.PUBLISHING:
            return wave
    raise RemoteError(
        f"{wave.file}: the server does not carry out the rename to this name: only its temporary name is there, so "
        "nobody was mailed; the next run tries again"
    )


def _look(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Find out whether a rename whose answer is not known took place; never rename on a guess.

    Final name there: published, unless it is of another size: then the name is somebody else's, the wave is
    withdrawn, and `TryLater` raised. Temporary name there and the final one not: not renamed, still
    `publishing`. Neither: unknown, since the import may have moved the file away.
    """
    # The final name first: a rename carried out between the two questions then looks as if it is to come.
    final = ports.remote.find(_final(wave, ports))
    staged = ports.remote.find(_temporary(wave, ports))
    if final and final.size != wave.size:
        withdraw(wave, ports)
        raise TryLater(
            f"{wave.file}: the server holds a file of this name that is not ours; nothing was sent. "
            "The next run takes a later name"
        )
    if final:
        # OpenSSH renames by a second name and takes the first one away; it may die in between.
        ports.remote.remove(_temporary(wave, ports))
        return _published(wave, ports, now)
    return wave if staged else _put(wave, WaveState.UNKNOWN, ports)


def _published(wave: Wave, ports: Ports, now: datetime) -> Wave:
    wave = _put(replace(wave, published_at=now), WaveState.PUBLISHED, ports)
    keep_copies(wave, ports)
    logger.info("%s: published, %d recipients", wave.file, wave.written)
    return wave


def _deliver_products(path: Path, ports: Ports) -> None:
    """Publish a product file; one that a killed run published already is left as it is."""
    final = f"{ports.client.upload}/{path.name}"
    if _holds(final, path, ports):
        return
    ports.remote.remove(f"{final}.part")
    ports.remote.stage(path, f"{final}.part", ports.watch(f"upload {path.name}"))
    try:
        ports.remote.publish(f"{final}.part", final)
    except (OutcomeUnknown, AlreadyThere, NotThere) as error:
        logger.warning("%s: %s", path.name, error)
        if not _holds(final, path, ports):
            raise RemoteError(
                f"{path.name}: the server does not show the product data under this name, so nobody was mailed; the "
                "next run sends both files anew"
            ) from error
        ports.remote.remove(f"{final}.part")


def _holds(final: str, path: Path, ports: Ports) -> bool:
    """Say whether the server holds this product file; `AlreadyThere` if it holds another of its name."""
    found = ports.remote.find(final)
    if found and found.size != path.stat().st_size:
        raise AlreadyThere(
            f"{final}: the server holds other product data of this name; nothing was sent. "
            "Remove it there, or wait for the job's next slot"
        )
    return found is not None


def withdraw(wave: Wave, ports: Ports) -> None:
    """Undo a wave that mailed nobody: its temporary files, its outbox files, its ledger row."""
    ports.remote.remove(_temporary(wave, ports))
    for path in ports.state.products_of(wave.client, wave.wave_id):
        ports.remote.remove(f"{ports.client.upload}/{path.name}.part")
    discard(wave, ports)


def _put(wave: Wave, state: WaveState, ports: Ports) -> Wave:
    wave = replace(wave, state=state)
    ports.ledger.put_wave(wave)
    return wave


def _outbox(wave: Wave, ports: Ports) -> Path:
    return ports.state.outbox(wave.client, wave.file)


def _final(wave: Wave, ports: Ports) -> str:
    return f"{ports.client.upload}/{wave.file}"


def _temporary(wave: Wave, ports: Ports) -> str:
    return f"{_final(wave, ports)}.part"
