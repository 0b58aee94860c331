"""A letter as it is read away from the machine: it names host and folder, and so do its commands."""

import socket
from dataclasses import replace
from pathlib import Path

from closedloop.model.commands import in_project
from closedloop.model.letter import Letter, Section, Step


def placed(letter: Letter, root: Path) -> Letter:
    """Return a letter that tells which project on which host it is from; its commands work from any folder there."""
    folder = str(root.absolute())
    return replace(
        letter,
        sections=tuple(_placed(section, folder) for section in letter.sections),
        footer=(*letter.footer, f"{socket.gethostname()}: {folder}"),
    )


def _placed(section: Section, folder: str) -> Section:
    return replace(
        section,
        sentences=tuple(in_project(sentence, folder) for sentence in section.sentences),
        steps=tuple(Step(step.when, in_project(step.command, folder)) for step in section.steps),
    )
