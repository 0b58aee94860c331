"""Words that must not be shown, and people who must not be known any more."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256

DIGEST_BYTES = 16


def without_addresses(text: str) -> str:
    """Return a text with every word that holds an @ put out of sight; what stands around it stays."""
    return re.sub(r"[^\s'\"()<>,;:=]*(?:@|%40)[^\s'\"()<>,;:=]*", "***", text, flags=re.IGNORECASE)


def without_values(text: str) -> str:
    """Return the first line of a foreign error, without quoted values and addresses: either may come out of a row."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return without_addresses(re.sub(r"'.*'|\".*\"", "'...'", line))


def nameable(name: str) -> str:
    """Return a file name of the platform's as it may be told: an address in it gives way to a hash, so that names still differ."""
    shown = without_addresses(name)
    return name if shown == name else f"***-{sha256(name.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Those who asked to be forgotten, as keyed hashes of their folded addresses; false while there are none."""

    key: bytes = b""
    hashes: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def known(self, folded: Sequence[str]) -> list[bool]:
        """Say of each folded address whether it is one of theirs."""
        begun, hashes = blake2b(key=self.key, digest_size=DIGEST_BYTES), self.hashes

        def digest(text: str) -> bytes:
            each = begun.copy()
            each.update(text.encode())
            return each.digest()

        return [digest(text) in hashes for text in folded]

    def hash(self, folded: str) -> bytes:
        """Return what is kept of a folded address: nobody without the key can tell whose it is."""
        return blake2b(folded.encode(), key=self.key, digest_size=DIGEST_BYTES).digest()


NOBODY = Forgotten()
