import asyncio
import shutil
import subprocess
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import asyncssh
import pytest

from closedloop.emulator.config import Account, Config
from closedloop.emulator.platform import Platform
from closedloop.emulator.server import Server
from closedloop.errors import ProjectError

Lines = Callable[..., bytes]
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    accounts = (Account(), Account("fr", user="r_france"))
    return Platform(tmp_path_factory.mktemp("served"), Config(clients=accounts))


@pytest.fixture(scope="module")
def server(platform: Platform) -> Iterator[Server]:
    with Server(platform) as server:
        yield server


def key(server: Server, client: str = "de") -> str:
    return str(server.platform.places.root / "keys" / f"{client}_rsa")


def talk(
    server: Server,
    speak: Callable[[asyncssh.SFTPClient], Awaitable[Result]],
    *,
    user: str = "de",
    key_file: str | None = None,
) -> Result:
    async def session() -> Result:
        async with (
            asyncssh.connect(
                server.host,
                server.port,
                username=user,
                client_keys=[key_file or key(server)],
                known_hosts=None,
                config=None,
                agent_path=None,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            return await speak(sftp)

    return asyncio.run(session())


def test_a_file_goes_up_is_imported_and_reactions_come_down(server: Server, lines: Lines) -> None:
    async def upload(sftp: asyncssh.SFTPClient) -> None:
        async with sftp.open("/incoming/20261120070000_subscribers.csv.tmp", "xb") as file:
            await file.write(lines(["anna@example.com"]))
        await sftp.rename(
            "/incoming/20261120070000_subscribers.csv.tmp",
            "/incoming/20261120070000_subscribers.csv",
        )

    async def download(sftp: asyncssh.SFTPClient) -> str:
        async with sftp.open("/outgoing/20261121_mailingrecipients.csv") as file:
            return str(await file.read())

    talk(server, upload)
    [result] = server.platform.tick(datetime(2026, 11, 20, 6, tzinfo=UTC))
    assert result.mailed == 1
    server.platform.export(datetime(2026, 11, 21, 4, tzinfo=UTC))
    assert ";anna@example.com;" in talk(server, download)


def test_a_rename_never_replaces_a_file(server: Server, platform: Platform) -> None:
    async def rename(sftp: asyncssh.SFTPClient) -> None:
        await sftp.rename("/incoming/new.tmp", "/incoming/taken")

    folder = platform.places.root / "sftp/de/incoming"
    (folder / "new.tmp").write_bytes(b"new")
    (folder / "taken").write_bytes(b"old")
    with pytest.raises(asyncssh.SFTPError):
        talk(server, rename)
    assert (folder / "taken").read_bytes() == b"old"
    assert (folder / "new.tmp").read_bytes() == b"new"


def test_a_folder_can_be_renamed_and_what_is_missing_can_not(server: Server) -> None:
    async def rename(sftp: asyncssh.SFTPClient) -> list[str]:
        await sftp.mkdir("/outgoing/before")
        await sftp.rename("/outgoing/before", "/outgoing/after")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.rename("/outgoing/before", "/outgoing/again")
        names = [str(name) for name in await sftp.listdir("/outgoing")]
        await sftp.rmdir("/outgoing/after")
        return names

    assert "after" in talk(server, rename)


def test_a_client_sees_its_own_folders_and_nothing_else(server: Server) -> None:
    async def look(sftp: asyncssh.SFTPClient) -> list[str]:
        assert not await sftp.exists("/../de")
        assert not await sftp.exists("/etc/passwd")
        for link in (sftp.symlink("/incoming", "/outside"), sftp.link("/incoming/a", "/b")):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await link
        return sorted(str(name) for name in await sftp.listdir("/"))

    assert talk(server, look) == [".", "..", "errors", "incoming", "logs", "outgoing"]


def test_another_user_name_leads_to_its_own_client(server: Server) -> None:
    async def leave(sftp: asyncssh.SFTPClient) -> None:
        async with sftp.open("/incoming/mine", "wb") as file:
            await file.write(b"x")

    talk(server, leave, user="r_france", key_file=key(server, "fr"))
    assert (server.platform.places.root / "sftp/fr/incoming/mine").exists()


@pytest.mark.parametrize(
    ("user", "client"),
    [
        pytest.param("de", "fr", id="another client's key"),
        pytest.param("nobody", "de", id="unknown user"),
    ],
)
def test_only_the_right_key_opens_an_account(server: Server, user: str, client: str) -> None:
    async def look(sftp: asyncssh.SFTPClient) -> object:
        return await sftp.listdir("/")

    with pytest.raises(asyncssh.PermissionDenied):
        talk(server, look, user=user, key_file=key(server, client))


def test_the_client_section_names_key_and_host_keys(server: Server) -> None:
    given = tomllib.loads(server.platform.places.client_settings.read_text())
    section = given["clients"]["de"]
    assert section["port"] == server.port
    assert Path(section["key"]).stat().st_mode & 0o777 == 0o600
    assert [pin.split()[0] for pin in section["host_keys"]] == ["ssh-ed25519", "ssh-rsa"]
    assert given["clients"]["fr"]["user"] == "r_france"


def test_the_openssh_client_gets_along_with_it(server: Server, tmp_path: Path) -> None:
    program = shutil.which("sftp")
    assert program, "OpenSSH's sftp client is needed: install openssh-client"
    (tmp_path / "there").write_text("content")
    section = tomllib.loads(server.platform.places.client_settings.read_text())["clients"]["de"]
    known = [f"[{server.host}]:{server.port} {pin}\n" for pin in section["host_keys"]]
    (tmp_path / "known_hosts").write_text("".join(known))
    (tmp_path / "batch").write_text(f"put {tmp_path}/there /logs/a\nget /logs/a {tmp_path}/back\n")
    command = [program, "-F", "none", "-P", str(server.port), "-i", section["key"]]
    command += ["-o", f"UserKnownHostsFile={tmp_path}/known_hosts"]
    command += ["-o", "StrictHostKeyChecking=yes", "-b", str(tmp_path / "batch")]
    subprocess.run([*command, f"de@{server.host}"], check=True, timeout=60, capture_output=True)  # noqa: S603
    assert (tmp_path / "back").read_text() == "content"


def test_a_taken_port_is_named(server: Server) -> None:
    with (
        pytest.raises(ProjectError, match=f"port {server.port} on 127.0.0.1 can't be used"),
        Server(server.platform, server.port),
    ):
        pass


def test_it_ends_cleanly_while_a_client_is_connected(platform: Platform) -> None:
    async def session() -> None:
        with Server(platform) as second:
            connection = await asyncssh.connect(
                second.host,
                second.port,
                username="de",
                client_keys=[key(second)],
                known_hosts=None,
                config=None,
            )
        await asyncio.wait_for(connection.wait_closed(), 20)

    asyncio.run(session())
