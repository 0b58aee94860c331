import pytest

from closedloop.core.nearest import nearest


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("send_newsleter", "; did you mean 'send_newsletter'?"),
        ("PULL", "; did you mean 'Pull'?"),
        ("zzz", "; there is 'Pull', 'send_newsletter'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(word: str, hint: str) -> None:
    assert nearest(word, ["send_newsletter", "Pull"]) == hint


def test_where_there_is_no_word_there_is_no_hint() -> None:
    assert nearest("x", []) == ""
