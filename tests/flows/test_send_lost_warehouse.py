"""Nothing is sent while the warehouse lacks what would say who left."""

import pytest

from closedloop.errors import ClosedLoopError, TryLater
from closedloop.ledger import Ledger
from tests.flows.delivered import LEFT
from tests.flows.desk import Desk
from tests.flows.told import sent


def test_nothing_is_sent_while_the_warehouse_lacks_what_was_loaded(desk: Desk) -> None:
    desk.put("20261124_unsubscribes.csv", LEFT + b"1;1;1;b@example.com;2026-11-24 05:00:00\n")
    desk.pull("2026-11-24T05:30")
    for path in (desk.root / "var").glob("warehouse*"):
        path.unlink()
    with pytest.raises(ClosedLoopError, match="run the pull job of this client first"):
        desk.send()
    desk.remote.remove("/outgoing/20261124_unsubscribes.csv")
    desk.pull("2026-11-24T05:40")
    desk.customers("a@example.com", "b@example.com")
    assert sent(desk.send()).wave.dropped == {"unsubscribed": 1}


def test_a_pull_that_died_while_filling_a_lost_warehouse_is_gone_on_with(desk: Desk) -> None:
    desk.put("20261123_unsubscribes.csv", LEFT + b"1;1;1;a@example.com;2026-11-23 05:00:00\n")
    desk.pull("2026-11-23T05:30")
    desk.remote.remove("/outgoing/20261123_unsubscribes.csv")
    (desk.root / "var" / "warehouse.duckdb").unlink()
    with Ledger(desk.root / "var" / "ledger.sqlite") as ledger:
        ledger.heal_files("de", [])
    desk.customers("a@example.com", "b@example.com")
    with pytest.raises(TryLater, match="lacks 1 file that had been loaded"):
        desk.send()
    desk.pull("2026-11-24T05:40")
    assert sent(desk.send()).wave.dropped == {"unsubscribed": 1}


def test_an_older_warehouse_put_back_is_filled_before_anything_is_sent(desk: Desk) -> None:
    desk.put("20261123_unsubscribes.csv", LEFT + b"1;1;1;a@example.com;2026-11-23 05:00:00\n")
    desk.pull("2026-11-23T05:30")
    older = (desk.root / "var" / "warehouse.duckdb").read_bytes()
    desk.put("20261124_unsubscribes.csv", LEFT + b"1;2;1;b@example.com;2026-11-24 05:00:00\n")
    desk.pull("2026-11-24T05:30")
    (desk.root / "var" / "warehouse.duckdb").write_bytes(older)
    desk.customers("a@example.com", "b@example.com", "c@example.com")
    with pytest.raises(TryLater, match="lacks 1 file that had been loaded"):
        desk.send()
    desk.pull("2026-11-24T05:40")
    assert sent(desk.send()).wave.dropped == {"unsubscribed": 2}
