"""A send that is killed at any of its looks outside: the next run goes on, and mails everybody once."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from closedloop.errors import Suspended
from closedloop.model.wave import WaveState
from closedloop.remote.memory import MemoryRemote
from tests.flows.desk import Desk
from tests.flows.servers import Importing
from tests.flows.told import sent


@pytest.mark.parametrize(
    ("imported", "before"),
    [
        pytest.param("at once", True, id="imported at once, before an act"),
        pytest.param("at once", False, id="imported at once, after an act"),
        pytest.param("later", False, id="imported later, after an act"),
    ],
)
def test_a_wave_whose_run_was_killed_anywhere_is_mailed_once(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool], *, imported: str, before: bool
) -> None:
    looks, was_killed, unknown = 0, True, 0
    while was_killed:
        looks += 1
        desk = new_desk(str(looks))
        remote = Importing() if imported == "at once" else desk.remote
        first = partial(desk.send, remote=remote)
        was_killed = kill(first, looks, before=before)
        with suppress(Suspended):
            desk.send("2026-11-24T06:10", remote=remote)
        if desk.open_errors():
            unknown += 1
            assert len(names(remote)) == 1, f"killed at {looks}"
            continue
        outcome = sent(desk.send("2026-11-24T06:20", remote=remote)).outcome
        assert outcome == "already sent", f"killed at {looks}"
        assert len(names(remote)) == 1, f"killed at {looks}: {names(remote)}"
        assert desk.left("outbox") == [], f"killed at {looks}"
        assert not [f.name for f in remote.listing("/incoming") if f.name.endswith(".part")]
    assert looks > 20
    # Only between the import and the note that the rename was carried out can nobody tell.
    assert unknown <= (3 if imported == "at once" else 0)


def test_product_data_of_a_killed_run_goes_out_before_its_wave(
    new_desk: Callable[[str], Desk], kill: Callable[..., bool]
) -> None:
    looks, was_killed = 0, True
    while was_killed:
        looks += 1
        desk = new_desk(str(looks))
        desk.add_products()
        was_killed = kill(desk.send, looks, before=False)
        desk.send("2026-11-24T06:10")
        (wave,) = desk.waves()
        published = [f"{wave.wave_id}_products.csv", f"{wave.wave_id}_subscribers.csv"]
        assert desk.uploads()[-2:] == published, f"killed at {looks}"
        assert (desk.left("outbox"), wave.state) == ([], WaveState.PUBLISHED), f"killed at {looks}"
        assert not [name for name in desk.uploads() if name.endswith(".part")], f"killed at {looks}"
    assert looks > 20


def names(remote: MemoryRemote) -> list[str]:
    if isinstance(remote, Importing):
        return remote.taken
    return [file.name for file in remote.listing("/incoming") if "_subscribers.csv" in file.name]
