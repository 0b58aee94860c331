"""Access: the key or password that lets us in, and the host keys we trust."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.errors import ProjectError

if TYPE_CHECKING:
    from paramiko.pkey import PKey

    from closedloop.model.settings import Client

USUAL_PORT = 22

Secrets = Callable[[str], str | None]
"""Looks a name up in the environment."""


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to be let in and to know whom we talk to, from settings, files and environment.

    Raises `ProjectError` for what is missing or wrong. Secrets stay out of every message.
    """

    client: "Client"
    root: Path
    secrets: Secrets
    name: str

    @property
    def peer(self) -> str:
        """The server, as messages call it."""
        return f"{self.client.host}:{self.client.port}"

    def setting(self, field: str) -> str:
        """Name a setting of this client."""
        return f"clients.{self.name}.{field}" if self.name else f"{field} of {self.peer}"

    def credential(self) -> "PKey | str":
        """Return the private key, or the password."""
        if self.client.key:
            return self._private_key(self.root / self.client.key)
        return self._secret("password_env", self.client.password_env or "")

    def look(self) -> None:
        """Raise for what is missing as far as that can be told at once: before the server is called."""
        if self.client.key:
            self._read("key", self.root / self.client.key)
            self._passphrase()
        else:
            self.credential()
        if self.client.known_hosts:
            self._read("known_hosts", self.root / self.client.known_hosts)

    def pins(self) -> dict[bytes, str]:
        """Return the host keys that are trusted, each with its type."""
        pins = dict(self._pin(line) for line in self.client.host_keys)
        if self.client.known_hosts:
            pins |= self._known(self.root / self.client.known_hosts)
        return pins

    def _secret(self, field: str, variable: str) -> str:
        secret = self.secrets(variable)
        if secret is None:
            raise ProjectError(
                f"closedloop.toml: {self.setting(field)} names the environment variable {variable}, which is not set, nor is a "
                "systemd credential of this name there"
            )
        return secret

    def _passphrase(self) -> str | None:
        variable = self.client.passphrase_env
        return self._secret("passphrase_env", variable) if variable else None

    def _private_key(self, path: Path) -> "PKey":
        from closedloop.remote.keys import IsEncrypted, private_key

        try:
            key = private_key(self._read("key", path), self._passphrase())
        except IsEncrypted as error:
            raise ProjectError(
                f"closedloop.toml: {self.setting('key')}: {path} is encrypted; put the passphrase in an "
                f"environment variable and name it in {self.setting('passphrase_env')}"
            ) from error
        if key:
            return key
        raise ProjectError(
            f"closedloop.toml: {self.setting('key')}: {path} can't be read as a private key (RSA, Ed25519 or ECDSA, "
            f"as ssh-keygen writes them); is it the private half, and the passphrase the right one?"
        )

    def _pin(self, line: str) -> tuple[bytes, str]:
        try:
            kind, encoded = line.split()[:2]
            blob = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            kind, blob = "", b""
        # A key's bytes begin with its type: four bytes of length, then the name.
        if not kind or blob[4 : 4 + len(kind)] != kind.encode():
            raise ProjectError(
                f"closedloop.toml: {self.setting('host_keys')}: '{line[:40]}' is no host key; "
                f"write it as in 'ssh-ed25519 AAAA...'"
            )
        return blob, kind

    def _known(self, path: Path) -> dict[bytes, str]:
        from closedloop.remote.keys import known_keys

        # The name OpenSSH looks for: a port of its own goes with the host.
        client = self.client
        wanted = client.host if client.port == USUAL_PORT else f"[{client.host}]:{client.port}"
        pins = known_keys(self._read("known_hosts", path), wanted)
        if not pins and not client.host_keys:
            raise ProjectError(
                f"closedloop.toml: {self.setting('known_hosts')}: {path} holds no key of {wanted}; "
                f"add the line you got from the platform's support"
            )
        return pins

    def _read(self, field: str, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a text file"
            raise ProjectError(
                f"closedloop.toml: {self.setting(field)} names {path}, which can't be read: {why}"
            ) from error
