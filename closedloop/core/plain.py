"""What one look at a whole column proves of each of its texts, in a fraction of the time of a look at each."""

import polars as pl

from closedloop.core.proof import signs_of

# A byte of UTF-8 that may belong to a control character: those of U+0080 to U+009F begin with C2.
_CONTROL = bytes([*range(0x20), 0x7F, 0xC2])
_WITHOUT_CONTROL = bytes({*range(256)} - {*_CONTROL})
_TOGETHER = 8_192  # texts: as many as processors keep at hand
_SMALL = bytes({*range(0x21, 0x7F)} - {*range(ord("A"), ord("Z") + 1)})


def are_without_control(texts: pl.Series) -> bool:
    """Say whether it is proven that no text holds a control character or line break."""
    return not _together(texts).translate(None, _WITHOUT_CONTROL)


def are_small(texts: pl.Series) -> bool:
    """Say whether it is proven that all are plain ASCII without blanks, control characters and capitals."""
    return not _together(texts).translate(None, _SMALL)


def are_one(texts: pl.Series) -> bool:
    """Say whether there are texts, and all are the same."""
    if not len(texts) or texts.null_count() or texts[0] != texts[-1]:
        return False
    return bool((texts == texts[0]).all())


def are_between(texts: pl.Series, low: str, high: str) -> bool:
    """Say whether it is proven that each text has at each place a byte no lower and no higher than the one there."""
    first, last = low.encode(), high.encode()
    if not (texts.str.len_bytes() == len(first)).all():
        return False
    signs = texts.str.join("").cast(pl.Binary).cast(pl.List(pl.UInt8)).reshape((-1,))
    lowest = signs_of(first * _TOGETHER)
    span = signs_of(last * _TOGETHER) - lowest
    for at in range(0, len(signs), len(span)):
        piece = signs.slice(at, len(span))
        # Below the lowest a byte wraps round, to beyond the span.
        if not (piece - lowest.head(len(piece)) <= span.head(len(piece))).all():
            return False
    return True


def repeated(texts: pl.Series, among: pl.Series) -> pl.Series:
    """Return those of some places whose text stands at an earlier one of them; a null stands for itself.

    Equal texts have equal hashes: only those whose hash comes twice are compared, at a fraction of the price.
    """
    hashes = texts.hash().gather(among)
    ordered = hashes.sort(multithreaded=False)
    twice = ordered.filter(ordered == ordered.shift())
    doubtful = among.filter(hashes.is_in(twice.implode()))
    return doubtful.filter(texts.gather(doubtful).is_first_distinct().not_())


def _together(texts: pl.Series) -> bytes:
    return str(texts.str.join("").item() or "").encode()
