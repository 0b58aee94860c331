import io
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from closedloop.core.parse import read
from closedloop.core.rules import RULES, rules_of
from closedloop.core.validate import Checked, check
from closedloop.errors import ProjectError
from closedloop.model.table import Schema

MakeSchema = Callable[..., Schema]
Shipped = Callable[[str], Schema]


def checked(line: str, schema: Schema) -> Checked:
    (block,) = read(io.BytesIO(line.encode()), schema)
    found = check(block, schema, ZoneInfo("Europe/Berlin"))
    assert found.rejected == []
    return found


@pytest.mark.parametrize(
    ("started", "finished", "warned"),
    [
        pytest.param("2021-01-01 12:00:00", "2021-01-01 12:00:01", False, id="after"),
        pytest.param("2021-01-01 12:00:00", "2021-01-01 12:00:00", False, id="at once"),
        pytest.param("2021-01-01 12:00:00", "", False, id="not yet"),
        pytest.param("2021-01-01 12:00:00", "2021-01-01 11:59:59", True, id="before"),
        pytest.param(
            "2021-10-31 02:50:00", "2021-10-31 02:10:00", False, id="in the repeated hour"
        ),
    ],
)
def test_a_mailing_that_finished_before_it_started_is_warned_of(
    shipped: Shipped, *, started: str, finished: str, warned: bool
) -> None:
    found = checked(f"1;2;3;4;{started};{finished}", shipped("mailings"))
    about = ("started_at, finished_at", "finished before it started")
    assert found.warnings == ({about: 1} if warned else {})


@pytest.mark.parametrize("delivery", ["", "OK", "SOFT", "HARD"])
@pytest.mark.parametrize(
    ("sending", "fitting"),
    [
        ("sent", {"OK", "SOFT", "HARD"}),
        ("could_not_be_sent", {"HARD", "SOFT", ""}),
        ("sending", {"", "OK"}),
    ],
)
def test_a_delivery_status_that_does_not_fit_is_warned_of(
    shipped: Shipped, sending: str, fitting: set[str], delivery: str
) -> None:
    line = f"1;2;3;jane@example.com;2021-01-01 12:07:55;{sending};{delivery};"
    about = (
        "sending_status, delivery_status",
        RULES["delivery_fits_sending"].sentence,
    )
    found = checked(line, shipped("mailing_recipients"))
    assert found.warnings == ({} if delivery in fitting else {about: 1})


def test_an_unknown_rule_is_refused_with_the_nearest_known(schema: MakeSchema) -> None:
    with pytest.raises(ProjectError, match="did you mean 'delivery_fits_sending'"):
        rules_of(schema({"rules": ("delivery_fit_sending",)}, a={}))


def test_a_rule_whose_columns_the_schema_lacks_is_refused(schema: MakeSchema) -> None:
    with pytest.raises(ProjectError, match="reads a column 'sending_status'"):
        rules_of(schema({"rules": ("delivery_fits_sending",)}, a={}))
