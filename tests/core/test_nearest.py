import pytest

from closedloop.core.nearest import near, nearest


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("send_newsleter", "; did you mean 'send_newsletter'?"),
        ("PULL", "; did you mean 'Pull'?"),
        ("s", "; did you mean 'send_newsletter'?"),
        ("zzz", "; there is 'Pull', 'send_newsletter'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(word: str, hint: str) -> None:
    assert nearest(word, ["send_newsletter", "Pull"]) == hint


def test_a_word_that_can_not_be_seen_is_shown_as_a_file_has_it() -> None:
    assert nearest("zzz", ["\t", ","]) == """; there is "\\t", ','"""


def test_where_words_are_many_only_the_nearest_is_told() -> None:
    assert near("brovser", ["browser", "device"]) == "; did you mean 'browser'?"
    assert near("zzz", ["browser", "device"]) == ""


def test_where_there_is_no_word_there_is_no_hint() -> None:
    assert nearest("x", []) == ""
