"""Words that must not be shown, and people who must not be known any more."""

import re
from dataclasses import dataclass
from hashlib import blake2b


def without_addresses(text: str) -> str:
    """Return a text with every word that holds an @ put out of sight; what stands around it stays."""
    return re.sub(r"[^\s'\"()<>,;:=]*(?:@|%40)[^\s'\"()<>,;:=]*", "***", text, flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Those who asked to be forgotten, as keyed hashes of their folded addresses; false while there are none."""

    key: bytes = b""
    hashes: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def knows(self, folded: str) -> bool:
        """Say whether a folded address is one of theirs."""
        return self.hash(folded) in self.hashes

    def hash(self, folded: str) -> bytes:
        """Return what is kept of a folded address: nobody without the key can tell whose it is."""
        return blake2b(folded.encode(), key=self.key, digest_size=16).digest()


NOBODY = Forgotten()
