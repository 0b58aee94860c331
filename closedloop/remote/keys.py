"""Keys as their files have them: a private key of ours, the keys of known hosts."""

import io

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from paramiko.ecdsakey import ECDSAKey
from paramiko.ed25519key import Ed25519Key
from paramiko.hostkeys import HostKeyEntry, HostKeys, InvalidHostKey
from paramiko.pkey import PKey
from paramiko.rsakey import RSAKey
from paramiko.ssh_exception import PasswordRequiredException, SSHException


class IsEncrypted(Exception):
    """A private key wants a passphrase, and none is given."""


def private_key(text: str, passphrase: str | None) -> PKey | None:
    """Return the private key in a file of OpenSSH's or a PEM; None if there is none, or the passphrase is wrong."""
    if key := _sound_rsa(text, passphrase):
        return key
    for kind in (RSAKey, Ed25519Key, ECDSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), passphrase)
        except PasswordRequiredException as error:
            raise IsEncrypted from error
        except (SSHException, ValueError):
            continue
    return None


def known_keys(text: str, host: str) -> dict[bytes, str]:
    """Return the keys that a known_hosts file has of a host, each with its type."""
    entries = map(_entry, text.splitlines())
    return {
        entry.key.asbytes(): entry.key.get_name()
        for entry in entries
        if entry and _names(entry, host)
    }


def _sound_rsa(text: str, passphrase: str | None) -> PKey | None:
    """Return an RSA key whose numbers fit each other; None for whatever paramiko is to judge.

    It would test, too, whether the primes are primes: of one's own key nobody asks that, and it takes 0.1 s at every run.
    """
    load = serialization.load_pem_private_key
    if "BEGIN OPENSSH" in text:
        load = serialization.load_ssh_private_key
    password = passphrase.encode() if passphrase else None
    try:
        key = load(text.encode(), password, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPrivateKey):
        return None
    numbers = key.private_numbers()
    p, q, turn = numbers.p, numbers.q, numbers.public_numbers.e * numbers.d
    fits = p * q == numbers.public_numbers.n and turn % (p - 1) == turn % (q - 1) == 1
    return RSAKey(key=key) if fits else None


def _entry(line: str) -> HostKeyEntry | None:
    try:
        return HostKeyEntry.from_line(line.strip())
    except (InvalidHostKey, SSHException, ValueError):
        return None


def _names(entry: HostKeyEntry, wanted: str) -> bool:
    names = HostKeys()
    for name in entry.hostnames:
        names.add(name, entry.key.get_name(), entry.key)
    return names.lookup(wanted) is not None
