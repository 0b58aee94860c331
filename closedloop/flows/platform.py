"""What the platform says of its own troubles."""

from dataclasses import replace

from closedloop.errors import LogInRefused, NotThere, RemoteError
from closedloop.flows.ports import Ports
from closedloop.model.error_file import ErrorFile
from closedloop.model.file import RemoteFile
from closedloop.model.privacy import nameable

MOST = 5


def error_files(ports: Ports) -> list[RemoteFile] | None:
    """Return the error files that the platform has left for this client, by name; None if the server has no such folder.

    Not those that a person has dealt with, which may still lie there; a later one of the same name is a new one. Of
    very many the last ones: each becomes an error file and a mail, and the platform halts at the first.

    Empty where the client has no `errors` folder in its settings.
    """
    if ports.client.errors is None:
        return []
    try:
        listed = ports.remote.listing(ports.client.errors)
    except NotThere:
        return None
    found = [replace(file, name=nameable(file.name)) for file in listed]
    settled = ports.errors.halts_settled(ports.client_name) if found else []
    return [
        file
        for file in found
        if not any(error.is_of_halt(file.name, file.size, file.modified) for error in settled)
    ][-MOST:]


def is_cleared(error: ErrorFile, ports: Ports) -> bool:
    """Say whether the platform took back an error file that names no wave of ours: it is gone from the server.

    Where the server can't be asked it counts as there. Raises `LogInRefused`: asking on would lock the account.
    """
    folder = ports.client.errors
    if not error.is_waveless_halt or error.client != ports.client_name or folder is None:
        return False
    try:
        listed = ports.remote.listing(folder)
    except LogInRefused:
        raise
    except (NotThere, RemoteError):
        return False
    return error.halt not in {nameable(file.name) for file in listed}
