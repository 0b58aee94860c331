"""A letter as HTML and as text: two pictures of one value."""

from importlib.resources import files
from typing import Any

from closedloop.model.letter import Cell, Letter, Table
from closedloop.model.privacy import without_addresses

BAR = 10
"""So many characters has a full bar in the text."""


def as_html(letter: Letter) -> str:
    """Return a letter as one HTML page that needs nothing from elsewhere, its style in every tag."""
    from css_inline import CSSInliner

    page = _environment().get_template("letter.html.j2")
    html = page.render(letter=letter, css=_text("letter.css"))
    inliner = CSSInliner(
        keep_at_rules=True,
        load_remote_stylesheets=False,
        minify_css=True,
        apply_width_attributes=True,
    )
    return inliner.inline(html)


def as_text(letter: Letter) -> str:
    """Return a letter as plain text, tables set with spaces."""
    page = _environment().get_template("letter.txt.j2")
    text: str = page.render(letter=letter)
    return text


def _environment() -> Any:
    from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape

    environment = Environment(
        loader=DictLoader({name: _text(name) for name in ("letter.html.j2", "letter.txt.j2")}),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        # A letter holds nobody's address, wherever one may have crept into a sentence.
        finalize=_veiled,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"as_percent": _percent, "aligned": _aligned}
    return environment


def _text(name: str) -> str:
    return (files("closedloop") / "templates" / name).read_text(encoding="utf-8")


def _veiled(value: object) -> object:
    # The page's own parts come as Markup, a class of its own; what a letter says is plain.
    return without_addresses(value) if type(value) is str else value


def _percent(share: float) -> int:
    """Return a share as whole per cent of a bar; what is not nothing shows."""
    return min(100, max(round(100 * share), 1)) if share > 0 else 0


def _aligned(table: Table) -> str:
    """Return a table as lines, each column as wide as its widest cell."""
    lines = [table.head] if any(table.head) else []
    lines += [tuple(map(_plain, row)) for row in table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths, table.numeric) for line in lines)


def _line(line: tuple[str, ...], widths: list[int], numeric: tuple[int, ...]) -> str:
    cells = [
        text.rjust(width) if place in numeric else text.ljust(width)
        for place, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _plain(cell: Cell) -> str:
    if cell.share is None:
        return cell.text
    full = round(BAR * _percent(cell.share) / 100)
    return f"{'█' * full}{'·' * (BAR - full)} {cell.text}"
