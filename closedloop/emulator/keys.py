"""The keys of the emulated platform, and the settings a client needs to log in with them."""

from functools import lru_cache
from pathlib import Path

from closedloop.emulator.config import Account
from closedloop.emulator.places import Places
from closedloop.errors import ProjectError

try:
    import asyncssh
except ImportError as error:  # pragma: no cover - only where the extra is not installed
    raise ProjectError(
        "the emulator's server needs asyncssh: install closedloop[emulator]"
    ) from error

RSA_BITS = 3072

SECTION = """\
[clients.{name}]
host           = "127.0.0.1"
port           = {port}
user           = "{user}"
key            = "{key}"
host_keys      = [
{host_keys}
]
upload         = "/{upload}"
download       = "/{download}"
errors         = "/{errors}"
logs           = "/{logs}"
timezone       = "{timezone}"
retention_days = {retention_days}
"""


def create(places: Places, accounts: tuple[Account, ...]) -> None:
    """Make the host keys and each client's key pair where they are missing."""
    places.keys.mkdir(parents=True, exist_ok=True)
    places.keys.chmod(0o700)
    ed25519, rsa = host_keys(places)
    _pair(ed25519, "ssh-ed25519", "platform")
    _pair(rsa, "ssh-rsa", "platform")
    for account in accounts:
        _pair(private(places, account), "ssh-rsa", account.login)


def host_keys(places: Places) -> tuple[Path, Path]:
    """Return where the platform's private host keys lie."""
    return places.keys / "host_ed25519", places.keys / "host_rsa"


@lru_cache
def loaded(path: Path, _changed: int) -> asyncssh.SSHKey:
    """Read a private key; checking an RSA key takes a tenth of a second, too long for every connection."""
    return asyncssh.read_private_key(str(path))


def private(places: Places, account: Account) -> Path:
    """Return where the client's private key lies."""
    return places.keys / f"{account.name}_rsa"


def public(places: Places, account: Account) -> Path:
    """Return the file of keys that may log in to the account; lines may be added to it."""
    return places.keys / f"{account.name}_rsa.pub"


def write_client_settings(places: Places, accounts: tuple[Account, ...], port: int) -> None:
    """Write client.toml: a section for each client, ready for closedloop.toml."""
    pins = []
    for path in host_keys(places):
        line = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8")
        pins.append(f'  "{" ".join(line.split()[:2])}",')
    sections = [
        SECTION.format(
            name=account.name,
            port=port,
            user=account.login,
            key=private(places, account),
            host_keys="\n".join(pins),
            upload=account.upload,
            download=account.download,
            errors=account.errors,
            logs=account.logs,
            timezone=account.timezone,
            retention_days=account.retention_days,
        )
        for account in accounts
    ]
    places.client_settings.write_text("\n".join(sections), encoding="utf-8")


def _pair(path: Path, algorithm: str, comment: str) -> None:
    if path.exists():
        return
    size = {"key_size": RSA_BITS} if algorithm == "ssh-rsa" else {}
    key = asyncssh.generate_private_key(algorithm, comment=comment, **size)
    path.touch(0o600)
    key.write_private_key(str(path))
    key.write_public_key(f"{path}.pub")
