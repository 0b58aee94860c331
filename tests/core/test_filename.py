from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.model.filename import Pattern

time = datetime.fromisoformat

DAILY = "{date:%Y%m%d}_clicks.csv"
PARTS = "{date:%Y%m%d}_clicks{part}.csv"
UPLOAD = "{date:%Y%m%d%H%M%S}_subscribers.csv"


@pytest.mark.parametrize(
    ("pattern", "name", "when"),
    [
        pytest.param(DAILY, "20210131_clicks.csv", time("2021-01-31"), id="day"),
        pytest.param(PARTS, "20210131_clicks.csv", time("2021-01-31"), id="without its part"),
        pytest.param(PARTS, "20210131_clicks_b-2.csv", time("2021-01-31"), id="with a part"),
        pytest.param(
            UPLOAD, "20210131120755_subscribers.csv", time("2021-01-31T12:07:55"), id="second"
        ),
        pytest.param("x{date:%y-%j}(1)", "x21-031(1)", time("2021-01-31"), id="day of the year"),
    ],
)
def test_a_name_that_fits_tells_its_time(pattern: str, name: str, when: datetime) -> None:
    assert Pattern(pattern).match(name) == when


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("20210131_clicks.csv.tmp", id="still being written"),
        pytest.param("x20210131_clicks.csv", id="more before it"),
        pytest.param("20210131_clicks.csv\n", id="a line end after it"),
        pytest.param("20210231_clicks.csv", id="no such day"),
        pytest.param("2021131_clicks.csv", id="a digit short"),
        pytest.param("\uff12\uff1021131_clicks.csv", id="other digits"),
        pytest.param("20210131_CLICKS.csv", id="capital letters"),
        pytest.param("20210131_clicksxcsv", id="a dot is a dot"),
    ],
)
def test_any_other_name_does_not_fit(name: str) -> None:
    assert Pattern(DAILY).match(name) is None


def test_a_part_is_letters_digits_and_a_few_signs() -> None:
    assert Pattern(PARTS).match("20210131_clicks b.csv") is None


@given(
    st.datetimes(time("1000-01-01"), time("9999-12-31")).map(lambda t: t.replace(microsecond=0)),
    st.from_regex(r"[A-Za-z0-9_.-]{0,9}", fullmatch=True),
)
def test_a_name_made_from_a_time_gives_the_time_back(when: datetime, part: str) -> None:
    assert Pattern(UPLOAD).match(Pattern(UPLOAD).name(when)) == when
    day = when.replace(hour=0, minute=0, second=0)
    assert Pattern(PARTS).match(Pattern(PARTS).name(when, part)) == day


def test_the_sample_fits_the_pattern() -> None:
    assert Pattern(PARTS).sample() == "20210101_clicks.csv"
    assert Pattern(PARTS).match(Pattern(PARTS).sample())


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        pytest.param(DAILY, "a", id="no place for it"),
        pytest.param(PARTS, "a/b", id="a sign it may not hold"),
    ],
)
def test_a_part_that_does_not_belong_there_is_refused(pattern: str, part: str) -> None:
    with pytest.raises(ValueError, match="has no place for the part"):
        Pattern(pattern).name(time("2021-01-31"), part)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("clicks.csv", "exactly once", id="no date"),
        pytest.param("{date:%Y%m%d}{date:%Y%m%d}", "exactly once", id="two dates"),
        pytest.param("{date:%Y%m%d}{part}{part}", "more than once", id="two parts"),
        pytest.param("{day}_clicks.csv", "braces belong", id="another placeholder"),
        pytest.param("{date:%Y%m%d", "braces belong", id="open brace"),
        pytest.param("{date:%Y%m%b}", "'%b' can't be used", id="unknown directive"),
        pytest.param("{date:%Y%m%d%}", "'%' can't be used", id="lone percent sign"),
        pytest.param("{date:%Y%m%d%d}", "stands there twice", id="a directive twice"),
        pytest.param("{date:%m%d}", "must tell the day", id="no year"),
        pytest.param("{date:%Y%y%m%d}", "must tell the day", id="two years"),
        pytest.param("{date:%Y%m}", "must tell the day", id="no day"),
        pytest.param("{date:%Y%m%j}", "must tell the day", id="month beside day of the year"),
        pytest.param("out/{date:%Y%m%d}.csv", "plain file name", id="folder"),
        pytest.param("", "exactly once", id="nothing"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Pattern(text)
