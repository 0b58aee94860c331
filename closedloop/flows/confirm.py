"""Finding out which waves were mailed: from the response data, or earlier from the platform's import log."""

import logging
from datetime import datetime, timedelta

from closedloop.core import confirm as core
from closedloop.errors import LogInRefused, NotThere, RemoteError
from closedloop.flows.platform import error_files
from closedloop.flows.ports import Ports
from closedloop.model.file import RemoteFile
from closedloop.model.wave import Wave, WaveState
from closedloop.state import speaking

logger = logging.getLogger(__name__)

LARGEST_LOG = 64 << 20
"""More than this is no import log of a day."""


def confirm(client: str, ports: Ports, now: datetime) -> list[Wave]:
    """Tell the warehouse of our waves, ask it which of them the response data shows, and write that down.

    Returns the waves that are news; of others more may have been seen since.
    """
    waves = ports.ledger.waves(client)
    _record(waves, ports)
    open_ones = {wave.wave_id: wave for wave in core.watched(waves, now)}
    if not open_ones:
        return []
    found = {each.wave_id: each for each in ports.warehouse.sightings(client)}
    after = {
        number: core.sighted(open_ones[number], found[number], now)
        for number in open_ones
        if number in found and core.proves(found[number], open_ones[number])
    }
    for number, wave in after.items():
        if wave != open_ones[number]:
            ports.ledger.change_wave(open_ones[number], wave)
    _record([after.get(wave.wave_id, wave) for wave in waves], ports)
    return [wave for number, wave in after.items() if core.is_news(open_ones[number], wave)]


def confirm_by_log(client: str, ports: Ports, now: datetime) -> list[Wave]:
    """Read the platform's import log, where there is one, and write down which waves it names; return those.

    A log tells nothing while an error file lies on the server, or where there is no folder to look for one.
    What can't be read tells nothing either; the next run looks again.
    """
    if ports.client.logs is None or ports.client.errors is None:
        return []
    waves = core.watched(ports.ledger.waves(client), now)
    waiting = [wave for wave in waves if wave.state is not WaveState.CONFIRMED]
    if not waiting:
        return []
    try:
        if error_files(ports) != []:
            return []
        text = _log(client, ports.client.logs, min(wave.built_at for wave in waiting), ports)
    except LogInRefused:
        raise
    except (RemoteError, NotThere) as error:
        logger.warning("the import log was not read: %s", error)
        return []
    named = [wave for wave in waiting if core.names_as_imported(text, wave.file)]
    for wave in named:
        ports.ledger.change_wave(wave, core.logged(wave, now))
    return [core.logged(wave, now) for wave in named]


def _record(waves: list[Wave], ports: Ports) -> None:
    """Tell the warehouse of the waves that may have left this machine."""
    ours = (WaveState.BUILT, WaveState.STAGED)
    ports.warehouse.record_waves([wave for wave in waves if wave.state not in ours])


def _log(client: str, folder: str, since: datetime, ports: Ports) -> str:
    """Return what the log files hold that were written since a day before a time."""
    files = [
        file
        for file in ports.remote.listing(folder)
        if file.modified >= since - timedelta(days=1) and file.size <= LARGEST_LOG
    ]
    return "\n".join(_content(client, folder, file, ports) for file in files)


def _content(client: str, folder: str, file: RemoteFile, ports: Ports) -> str:
    path = ports.state.import_log(client)
    try:
        ports.remote.fetch(folder, file, path)
        with speaking(path):
            return path.read_text(encoding="utf-8", errors="replace")
    finally:
        path.unlink(missing_ok=True)
