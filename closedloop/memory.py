"""Memory that this process was given back by itself, kept for what it needs next."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 256 << 20
_LARGEST = 32 << 20


def keep() -> None:
    """Keep freed memory: blocks of megabytes come and go, and a fresh one costs a page fault every four kilobytes.

    Where the C library has no such setting, nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
