"""Publishing a built wave: each state is in the ledger before the act that leads on; look before acting again."""

import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from closedloop.errors import AlreadyThere, ClosedLoopError, OutcomeUnknown
from closedloop.flows.ports import Ports
from closedloop.model.wave import Wave, WaveState
from closedloop.state import pack

logger = logging.getLogger(__name__)


def deliver(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Stage and publish a built wave, its product data first; return it as it then stands."""
    for path in ports.state.products_of(wave.client, wave.wave_id):
        _deliver_products(path, ports)
    temporary = _temporary(wave, ports)
    ports.remote.remove(temporary)
    ports.remote.stage(_outbox(wave, ports), temporary, ports.watch(f"upload {wave.file}"))
    return publish(_put(wave, WaveState.STAGED, ports), ports, now)


def publish(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Rename the staged file to its final name: this is what mails people."""
    wave = _put(wave, WaveState.PUBLISHING, ports)
    try:
        ports.remote.publish(_temporary(wave, ports), _final(wave, ports))
    except OutcomeUnknown as error:
        logger.warning("%s: %s", wave.file, error)
        return look(wave, ports, now)
    except AlreadyThere:
        _withdraw(wave, ports)
        raise ClosedLoopError(
            f"{wave.file}: the server holds a file of this name that is not ours; nothing was sent. "
            "Run the job again: it takes a later name"
        ) from None
    return _published(wave, ports, now)


def settle(wave: Wave, slot: datetime, ports: Ports, now: datetime) -> Wave | None:
    """Bring a wave that an earlier run left to its end.

    What was never renamed is sent if its slot is still the current one, else withdrawn: a newer selection
    follows. Returns None for a withdrawn wave.
    """
    match wave.state:
        case WaveState.PUBLISHING:
            return look(wave, ports, now)
        case WaveState.BUILT | WaveState.STAGED if (
            wave.slot == slot and _outbox(wave, ports).is_file()
        ):
            return deliver(wave, ports, now)
        case WaveState.BUILT | WaveState.STAGED:
            _withdraw(wave, ports)
            return None
        case _:
            return wave


def look(wave: Wave, ports: Ports, now: datetime) -> Wave:
    """Find out whether a rename whose answer is not known took place; never rename on a guess.

    Final name there: published. Temporary name there and the final one not: publish again. Neither: unknown,
    since the import may have moved the file away.
    """
    if ports.remote.find(_final(wave, ports)):
        return _published(wave, ports, now)
    if ports.remote.find(_temporary(wave, ports)):
        return publish(wave, ports, now)
    return _put(wave, WaveState.UNKNOWN, ports)


def _published(wave: Wave, ports: Ports, now: datetime) -> Wave:
    wave = _put(replace(wave, published_at=now), WaveState.PUBLISHED, ports)
    for path in [*ports.state.products_of(wave.client, wave.wave_id), _outbox(wave, ports)]:
        if path.is_file():
            pack(path, ports.state.sent(wave.client, path.name))
    ports.state.clear_outbox(wave.client, wave.wave_id, wave.file)
    logger.info("%s: published, %d recipients", wave.file, wave.written)
    return wave


def _deliver_products(path: Path, ports: Ports) -> None:
    """Publish a product file; one that a killed run published already is left as it is."""
    final = f"{ports.client.upload}/{path.name}"
    found = ports.remote.find(final)
    if found is None:
        ports.remote.remove(f"{final}.part")
        ports.remote.stage(path, f"{final}.part", ports.watch(f"upload {path.name}"))
        ports.remote.publish(f"{final}.part", final)
    elif found.size != path.stat().st_size:
        raise AlreadyThere(
            f"{final}: the server holds other product data of this name; nothing was sent"
        )


def _withdraw(wave: Wave, ports: Ports) -> None:
    """Undo a wave that mailed nobody: its temporary file, its outbox file, its ledger row."""
    ports.remote.remove(_temporary(wave, ports))
    ports.state.clear_outbox(wave.client, wave.wave_id, wave.file)
    ports.ledger.forget_wave(wave.client, wave.wave_id)
    logger.warning("%s: withdrawn before it was sent; a newer selection follows", wave.file)


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
