"""The words of the letters: commands that there are, and German for all of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.cli import COMMANDS
from closedloop.core.german import NOUNS, PATTERNS, WORDS
from closedloop.core.letter_suspension import recovered_letter, suspended_letter
from closedloop.model.error_file import Case
from closedloop.model.run import FileStatus, PullResult
from closedloop.model.wave import WaveState
from tests.core.letters import (
    ENGLISH,
    FILES,
    GERMAN,
    MISSING,
    NOW,
    REFUSED,
    REJECTING,
    failed,
    halted_at_no_wave,
    pulled,
    said,
    sent,
)

ROOT = Path(__file__).parents[2] / "closedloop"


@pytest.mark.parametrize("case", list(Case))
def test_every_suspension_is_said_in_german_as_a_whole(case: Case) -> None:
    letter = suspended_letter(failed(case), GERMAN)
    own_words = said(letter).replace("the answer to the rename was lost", "")
    assert not {"the", "is", "of", "to"} & set(re.findall(r"[a-z]+", own_words))


def test_every_command_in_a_letter_is_one_that_there_is() -> None:
    letters = [
        pulled(PullResult((REJECTING, REFUSED), (MISSING,), halts=("x",), held=("y",))),
        pulled(PullResult(FILES)),
        sent(),
        *(suspended_letter(failed(case), ENGLISH) for case in Case),
        recovered_letter(halted_at_no_wave("itself"), NOW, ENGLISH),
    ]
    commands = {
        step.command.split()[1]
        for letter in letters
        for section in letter.sections
        for step in section.steps
    }
    assert commands <= set(COMMANDS)
    assert {"restart", "quarantine", "status"} <= commands


def spoken() -> Iterator[tuple[str, str]]:
    """Yield every text that the letters give to a Tongue as it stands, with the method."""
    for path in sorted(ROOT.glob("core/letter*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if node.func.attr in ("say", "term") and texts and isinstance(texts[0], str):
                    yield "say", texts[0]
                if node.func.attr == "count" and texts and isinstance(texts[-1], str):
                    yield "count", texts[-1]


def test_every_text_has_its_german() -> None:
    assert len([*spoken()]) > 60
    lacking = {
        text for how, text in spoken() if text not in (WORDS if how == "say" else NOUNS) and text
    }
    assert lacking == set()


def test_german_texts_hold_the_same_values() -> None:
    for english, german in WORDS.items():
        names = [sorted(re.findall(r"{(\w+)}", text)) for text in (english, german)]
        assert names[0] == names[1], english
    for pattern, german in PATTERNS.items():
        assert re.compile(pattern).groups == german.count("{}"), pattern


@pytest.mark.parametrize("term", [*map(str, FileStatus), *map(str, WaveState)])
def test_every_status_has_its_german(term: str) -> None:
    assert term in WORDS
