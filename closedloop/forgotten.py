"""The suppression list of those who asked to be forgotten: a key, made once, and a hash for each of them."""

import secrets
from pathlib import Path

from closedloop.errors import ClosedLoopError
from closedloop.model.privacy import Forgotten
from closedloop.state import appearing, speaking

EVERY_CLIENT = "*"


class ForgottenList:
    """Two files in the state folder, of the owner's only: `key`, and `hashes` with a line `client hash` for each."""

    def __init__(self, state: Path) -> None:
        self._key = state / "forgotten" / "key"
        self._hashes = state / "forgotten" / "hashes"

    def of(self, client: str) -> Forgotten:
        """Return those whom a client must not know."""
        hashes = {hash_ for scope, hash_ in self._lines() if scope in (client, EVERY_CLIENT)}
        return Forgotten(self._read_key(), frozenset(hashes)) if hashes else Forgotten()

    def keyed(self) -> Forgotten:
        """Return the key alone, to make hashes with; it is made where there is none yet."""
        if not self._key.exists() and not self._hashes.exists():
            self._write(self._key, secrets.token_bytes(32).hex())
        return Forgotten(self._read_key())

    def add(self, clients: list[str], hashes: set[bytes]) -> None:
        """Write people down for these clients; on disk before this returns."""
        earlier = self._lines() if self._hashes.exists() else []
        lines = {*earlier, *((client, hash_) for client in clients for hash_ in hashes)}
        text = "".join(f"{client} {hash_.hex()}\n" for client, hash_ in sorted(lines))
        self._write(self._hashes, text)

    def _lines(self) -> list[tuple[str, bytes]]:
        with speaking(self._hashes):
            if not self._hashes.exists():
                return self._none()
            text = self._hashes.read_text(encoding="ascii")
        pairs = (line.rpartition(" ") for line in text.splitlines())
        return [(client, bytes.fromhex(hash_)) for client, _, hash_ in pairs]

    def _none(self) -> list[tuple[str, bytes]]:
        """Return no lines where nobody was ever forgotten; a key without its list tells that somebody was."""
        if self._key.exists():
            raise ClosedLoopError(
                f"{self._hashes} is missing, so nobody can tell who asked to be forgotten. Nothing was done; put it back "
                "from a backup, or give the 'closedloop forget' that broke off again"
            )
        return []

    def _read_key(self) -> bytes:
        with speaking(self._key):
            if not self._key.exists():
                raise ClosedLoopError(
                    f"{self._key} is missing: without it nobody can tell who asked to be forgotten. "
                    "Nothing was done; put it back from a backup"
                )
            return bytes.fromhex(self._key.read_text(encoding="ascii").strip())

    def _write(self, path: Path, text: str) -> None:
        with speaking(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with appearing(path) as stream:
                stream.write(text.encode())
