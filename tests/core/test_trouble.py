"""What led to an error, in words."""

from closedloop.core.trouble import chain
from closedloop.errors import ClosedLoopError


def test_errors_that_led_to_each_other_are_each_told_once() -> None:
    first, second = ClosedLoopError("first"), ClosedLoopError("second")
    first.__cause__, second.__context__ = second, first
    assert [problem.sentence for problem in chain(first)] == ["first", "second"]
