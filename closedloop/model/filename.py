"""File name patterns, such as `{date:%Y%m%d}_clicks.csv`."""

import re
from datetime import datetime

_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "j": 3}
_PART = "[A-Za-z0-9_.-]*?"
_TOKEN = re.compile(
    r"\{date:(?P<format>[^{}]*)\}|(?P<part>\{part\})|(?P<literal>[^{}]+)|(?P<odd>.)"
)


class Pattern:
    """A file name with its time in it: `{date:FORMAT}` once, `{part}` at most once, the rest as it stands.

    FORMAT knows the directives %Y %y %m %d %j %H %M %S and must tell the day. `{part}` stands for letters,
    digits and `_.-`, or nothing. Raises `ValueError` with a sentence for any other pattern.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = [
            (str(found.lastgroup), found["format"] or found[0]) for found in _TOKEN.finditer(text)
        ]
        _check(text, self._tokens)
        self._format = next(value for kind, value in self._tokens if kind == "format")
        self._expression = re.compile("".join(_expression(*token) for token in self._tokens))

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def match(self, name: str) -> datetime | None:
        """Return the time in a name that fits as a whole, without a zone; None if it does not fit."""
        found = self._expression.fullmatch(name)
        if not found:
            return None
        try:
            when = datetime.strptime(found["date"], self._format)  # noqa: DTZ007 - names hold local time
        except ValueError:
            return None
        return when if when.strftime(self._format) == found["date"] else None

    def name(self, when: datetime, part: str = "") -> str:
        """Return the name for a time; ValueError for a part that does not belong there."""
        if part and not (re.fullmatch(_PART, part) and ("part", "{part}") in self._tokens):
            raise ValueError(f"'{self.text}' has no place for the part '{part}'")
        fillers = {"part": part, "format": when.strftime(self._format)}
        return "".join(fillers.get(kind, value) for kind, value in self._tokens)

    def sample(self) -> str:
        """Return a name that fits, to show what is meant."""
        return self.name(datetime.fromisoformat("2021-01-01T12:07:55"))


def _expression(kind: str, value: str) -> str:
    if kind == "part":
        return _PART
    if kind == "literal":
        return re.escape(value)
    pieces = re.split(r"%(.)", value)
    digits = [f"[0-9]{{{_DIGITS[directive]}}}" for directive in pieces[1::2]]
    literals = [re.escape(piece) for piece in pieces[::2]]
    return f"(?P<date>{''.join(map(''.join, zip(literals, [*digits, ''], strict=True)))})"


def _check(text: str, tokens: list[tuple[str, str]]) -> None:
    kinds = [kind for kind, _ in tokens]
    if "odd" in kinds:
        raise ValueError(
            f"'{text}': braces belong to {{date:...}} and {{part}} only, as in '{{date:%Y%m%d}}_clicks.csv'"
        )
    if "/" in text or "\0" in text or "\n" in text:
        raise ValueError(f"'{text}' must be a plain file name, without a folder")
    if kinds.count("format") != 1:
        raise ValueError(
            f"'{text}' needs {{date:...}} exactly once, as in '{{date:%Y%m%d}}_clicks.csv'"
        )
    if kinds.count("part") > 1:
        raise ValueError(f"'{text}' has {{part}} more than once; write it once at most")
    _check_format(text, next(value for kind, value in tokens if kind == "format"))


def _check_format(text: str, given: str) -> None:
    directives = re.findall(r"%(.?)", given)
    for directive in directives:
        if directive not in _DIGITS:
            known = " ".join(f"%{known}" for known in _DIGITS)
            raise ValueError(
                f"'{text}': '%{directive}' can't be used in a file name; there is {known}"
            )
        if directives.count(directive) > 1:
            raise ValueError(f"'{text}': '%{directive}' stands there twice; write it once")
    one_year = ("Y" in directives) != ("y" in directives)
    if not one_year or {*directives} & {"m", "d", "j"} not in ({"m", "d"}, {"j"}):
        raise ValueError(f"'{text}': the date must tell the day once, as %Y%m%d or %Y%j do")
