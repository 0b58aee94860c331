"""What the program asks of the mail."""

from typing import Protocol

from closedloop.model.letter import Language, Letter


class Mailer(Protocol):
    """Someone who brings letters to the operators. No method raises, and none takes longer than about 20 seconds."""

    @property
    def language(self) -> Language:
        """Return what the readers want their letters in."""
        ...

    def post(self, letter: Letter) -> bool:
        """Keep a letter on disk, then try to deliver all that are kept; say whether it is safe: delivered or kept."""
        ...

    def flush(self) -> None:
        """Try to deliver the letters that earlier runs could not; costs nothing where there are none."""
        ...


class NoMailer:
    """The mailer of a project without [mail]: nobody wants a letter."""

    @property
    def language(self) -> Language:
        """English, as the program itself."""
        return "en"

    def post(self, letter: Letter) -> bool:  # noqa: ARG002 the contract's argument
        """Do nothing; nothing is lost."""
        return True

    def flush(self) -> None:
        """Do nothing."""
