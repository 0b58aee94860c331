"""What the platform says of its own troubles."""

from closedloop.errors import NotThere
from closedloop.flows.ports import Ports
from closedloop.model.privacy import nameable

MOST = 5


def error_files(ports: Ports) -> list[str]:
    """Return the names of the error files that the platform has left for this client, by name.

    Not those that a person has dealt with, which may still lie there. Of very many the last ones: each becomes an
    error file and a mail, and the platform halts at the first.

    Empty where the client has no `errors` folder in its settings, or the server has none.
    """
    if ports.client.errors is None:
        return []
    try:
        found = [nameable(file.name) for file in ports.remote.listing(ports.client.errors)]
    except NotThere:
        return []
    settled = ports.errors.halts_settled(ports.client_name) if found else ()
    return [name for name in found if name not in settled][-MOST:]
