"""Being let in: who the server is, who we are, and what is said when it goes wrong."""

import base64
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    generate_private_key,
)
from paramiko.hostkeys import HostKeys

from closedloop.errors import ProjectError, RemoteError
from closedloop.model.settings import Client
from closedloop.remote.patience import Patience
from closedloop.remote.sftp import SftpRemote, open_remote

PHRASE = "quiet please"

PrivateKey = Ed25519PrivateKey | RSAPrivateKey | ec.EllipticCurvePrivateKey


class OtherServer(Protocol):
    """The server that also takes passwords, and notes each try."""

    password_tries: list[str]

    def client(self) -> Client: ...


def names(client: Client, root: Path, **environment: str) -> list[str]:
    with SftpRemote(client, root, environment.get, name="de") as remote:
        return [file.name for file in remote.listing(str(root))]


def public_line(key: PrivateKey) -> str:
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(encoding, form).decode()


def fingerprint(line: str) -> str:
    """Return what `ssh-keygen -l` shows for a public key."""
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def save(key: PrivateKey, path: Path, *, pem: bool = False, passphrase: str = "") -> Path:
    form = serialization.PrivateFormat
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            form.TraditionalOpenSSL if pem else form.OpenSSH,
            serialization.BestAvailableEncryption(passphrase.encode())
            if passphrase
            else serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture(scope="session")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=3072)


@pytest.fixture
def allowed(sshd: Client) -> Iterator[Callable[[PrivateKey], None]]:
    """Let a further key in."""
    assert sshd.key
    keys = Path(sshd.key).with_name("authorized_keys")
    before = keys.read_text()

    def add(key: PrivateKey) -> None:
        keys.write_text(f"{before}{public_line(key)}\n")

    yield add
    keys.write_text(before)


@pytest.mark.parametrize("pem", [False, True], ids=["openssh format", "pem format"])
def test_an_rsa_key_lets_us_in(
    sshd: Client,
    tmp_path: Path,
    rsa_key: RSAPrivateKey,
    allowed: Callable[[PrivateKey], None],
    pem: bool,  # noqa: FBT001 - a parameter of the test, never passed by hand
) -> None:
    allowed(rsa_key)
    save(rsa_key, tmp_path / "id", pem=pem)
    assert names(sshd.model_copy(update={"key": "id"}), tmp_path) == ["id"]


def test_an_ecdsa_key_lets_us_in(
    sshd: Client, tmp_path: Path, allowed: Callable[[PrivateKey], None]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    allowed(key)
    save(key, tmp_path / "id")
    assert names(sshd.model_copy(update={"key": "id"}), tmp_path) == ["id"]


@pytest.mark.parametrize("make", [Ed25519PrivateKey.generate, None], ids=["ed25519", "rsa"])
def test_a_key_is_opened_by_the_passphrase_in_the_environment(
    sshd: Client,
    tmp_path: Path,
    rsa_key: RSAPrivateKey,
    allowed: Callable[[PrivateKey], None],
    make: Callable[[], Ed25519PrivateKey] | None,
) -> None:
    key = make() if make else rsa_key
    allowed(key)
    save(key, tmp_path / "id", passphrase=PHRASE)
    client = sshd.model_copy(update={"key": "id", "passphrase_env": "PHRASE"})
    assert names(client, tmp_path, PHRASE=PHRASE) == ["id"]


def test_a_wrong_passphrase_is_said_without_showing_it(sshd: Client, tmp_path: Path) -> None:
    save(Ed25519PrivateKey.generate(), tmp_path / "id", passphrase=PHRASE)
    client = sshd.model_copy(update={"key": "id", "passphrase_env": "PHRASE"})
    with pytest.raises(ProjectError, match=r"clients\.de\.key") as caught:
        names(client, tmp_path, PHRASE="loud please")
    assert "please" not in str(caught.value)


def test_an_encrypted_key_asks_for_its_passphrase(sshd: Client, tmp_path: Path) -> None:
    save(Ed25519PrivateKey.generate(), tmp_path / "id", passphrase=PHRASE)
    with pytest.raises(ProjectError, match=r"clients\.de\.passphrase_env"):
        names(sshd.model_copy(update={"key": "id"}), tmp_path)


def test_a_missing_key_file_names_the_setting(sshd: Client, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"clients\.de\.key names .*No such file"):
        names(sshd.model_copy(update={"key": "keys/none"}), tmp_path)


@pytest.mark.parametrize("text", ["hello", "", "ssh-ed25519 AAAA"], ids=["text", "empty", "public"])
def test_what_is_no_key_is_said_to_be_none(sshd: Client, tmp_path: Path, text: str) -> None:
    (tmp_path / "id").write_text(text)
    with pytest.raises(ProjectError, match="can't be read as a private key"):
        names(sshd.model_copy(update={"key": "id"}), tmp_path)


def test_an_rsa_key_whose_numbers_do_not_fit_is_said_to_be_none(
    sshd: Client, tmp_path: Path, rsa_key: RSAPrivateKey
) -> None:
    other = generate_private_key(public_exponent=65537, key_size=3072).private_numbers()
    numbers = rsa_key.private_numbers()
    mixed = RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        other.d,
        numbers.dmp1,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    )
    save(mixed.private_key(unsafe_skip_rsa_key_validation=True), tmp_path / "id")
    with pytest.raises(ProjectError, match="can't be read as a private key"):
        names(sshd.model_copy(update={"key": "id"}), tmp_path)


def test_a_refused_key_is_not_tried_again(sshd: Client, tmp_path: Path) -> None:
    save(Ed25519PrivateKey.generate(), tmp_path / "id")
    client = sshd.model_copy(update={"key": "id"})
    with (
        open_remote(client, tmp_path, os.environ.get, name="de") as remote,
        pytest.raises(RemoteError, match=r"refused the log-in.*clients\.de\.key") as caught,
    ):
        remote.listing("/")
    assert not caught.value.transient


def test_a_password_lets_us_in(other_server: OtherServer, tmp_path: Path) -> None:
    client = other_server.client().model_copy(update={"key": None, "password_env": "WORDS"})
    assert names(client, tmp_path, WORDS="open sesame") == []


def test_a_refused_password_is_tried_once_and_not_shown(
    other_server: OtherServer, tmp_path: Path
) -> None:
    client = other_server.client().model_copy(update={"key": None, "password_env": "WORDS"})
    other_server.password_tries.clear()
    with (
        open_remote(client, tmp_path, {"WORDS": "open barley"}.get, name="de") as remote,
        pytest.raises(RemoteError, match=r"clients\.de\.password_env") as caught,
    ):
        remote.listing("/")
    assert other_server.password_tries == ["somebody"]
    assert "barley" not in str(caught.value)


def test_a_password_that_is_not_set_names_the_variable(
    other_server: OtherServer, tmp_path: Path
) -> None:
    client = other_server.client().model_copy(update={"key": None, "password_env": "WORDS"})
    with pytest.raises(ProjectError, match="WORDS, which is not set"):
        names(client, tmp_path)


def test_a_server_without_passwords_says_what_it_offers(sshd: Client, tmp_path: Path) -> None:
    client = sshd.model_copy(update={"key": None, "password_env": "WORDS"})
    with pytest.raises(RemoteError, match="it offers publickey") as caught:
        names(client, tmp_path, WORDS="open sesame")
    assert not caught.value.transient


def test_an_unknown_host_key_stops_us_and_is_shown(sshd: Client, tmp_path: Path) -> None:
    stranger = public_line(Ed25519PrivateKey.generate())
    with pytest.raises(RemoteError, match=r"clients\.de\.host_keys") as caught:
        names(sshd.model_copy(update={"host_keys": (stranger,)}), tmp_path)
    assert fingerprint(sshd.host_keys[0]) in str(caught.value)
    assert not caught.value.transient


def test_one_of_several_pins_is_enough(
    sshd: Client, tmp_path: Path, rsa_key: RSAPrivateKey
) -> None:
    pins = (
        public_line(rsa_key),
        public_line(Ed25519PrivateKey.generate()),
        f"{sshd.host_keys[0]} new",
    )
    assert names(sshd.model_copy(update={"host_keys": pins}), tmp_path) == []


def test_a_pin_that_is_no_key_names_the_setting(sshd: Client, tmp_path: Path) -> None:
    for pin in ("SHA256:abc", "ssh-rsa AAAA", "ssh-ed25519 ???", ""):
        with pytest.raises(ProjectError, match=r"clients\.de\.host_keys"):
            names(sshd.model_copy(update={"host_keys": (pin,)}), tmp_path)


def known_hosts(client: Client, host: str, tmp_path: Path) -> Client:
    stranger = f"{host} {public_line(Ed25519PrivateKey.generate())}"
    lines = ["# ours", "", "nonsense", stranger, f"{host} {client.host_keys[0]} note"]
    (tmp_path / "known").write_text("\n".join(lines))
    return client.model_copy(update={"host_keys": (), "known_hosts": "known"})


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
def test_a_known_hosts_file_names_the_keys(
    sshd: Client,
    tmp_path: Path,
    hashed: bool,  # noqa: FBT001 - a parameter of the test, never passed by hand
) -> None:
    host = f"[127.0.0.1]:{sshd.port}"
    client = known_hosts(sshd, HostKeys.hash_host(host) if hashed else host, tmp_path)
    assert names(client, tmp_path) == ["known"]


def test_a_known_hosts_file_without_the_host_is_no_leave(sshd: Client, tmp_path: Path) -> None:
    client = known_hosts(sshd, "127.0.0.1", tmp_path)
    with pytest.raises(ProjectError, match=rf"holds no key of \[127\.0\.0\.1\]:{sshd.port}"):
        names(client, tmp_path)


def test_a_closed_port_can_be_tried_again(sshd: Client, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = sshd.model_copy(update={"port": taken.getsockname()[1]})
        with pytest.raises(RemoteError, match=r"can't reach 127\.0\.0\.1:") as caught:
            names(client, tmp_path)
    assert caught.value.transient


def test_a_server_that_accepts_and_says_nothing_is_given_up(sshd: Client, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        client = sshd.model_copy(update={"port": dumb.getsockname()[1]})
        patience = Patience(login_seconds=0.3)
        started = time.monotonic()
        with (
            SftpRemote(client, tmp_path, os.environ.get, patience) as remote,
            pytest.raises(RemoteError, match="fell silent") as caught,
        ):
            remote.listing("/")
    assert caught.value.transient
    assert time.monotonic() - started < 20


def test_nothing_but_our_sentence_reaches_the_log(
    sshd: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        client = sshd.model_copy(update={"port": dumb.getsockname()[1]})
        remote = SftpRemote(client, tmp_path, os.environ.get, Patience(login_seconds=0.2))
        with pytest.raises(RemoteError):
            remote.listing("/")
    assert caplog.records == []


def test_an_account_without_sftp_says_so(
    sshd: Client, tmp_path: Path, allowed: Callable[[PrivateKey], None]
) -> None:
    key = Ed25519PrivateKey.generate()
    allowed(key)
    assert sshd.key
    keys = Path(sshd.key).with_name("authorized_keys")
    keys.write_text(f'command="echo welcome" {public_line(key)}\n')
    save(key, tmp_path / "id")
    with pytest.raises(RemoteError, match="log-in script prints text"):
        names(sshd.model_copy(update={"key": "id"}), tmp_path)


def test_who_asks_the_library_for_more_than_we_use_gets_it_whole() -> None:
    assert paramiko.SSHClient.__module__ == "paramiko.client"
