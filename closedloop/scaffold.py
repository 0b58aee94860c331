"""A new project: the starter's jobs and schemas, and a commented closedloop.toml."""

from importlib.resources import files
from pathlib import Path

from closedloop.errors import ProjectError

SETTINGS = """\
# The settings of this installation. It names your server and says where secrets lie, so it is not committed.

[paths]
state = "var"                # ledger, landing, archive, quarantine, outbox, sent, locks

{client}
[warehouse]
url = "duckdb:///var/warehouse.duckdb"    # three slashes: relative to this folder; four: absolute

# Who is never mailed, besides those who unsubscribed: addresses over the bounce limits, and a list of
# your own, one pattern a line, where * stands for anything:
[suppression]
hard_bounces = 3
soft_bounces = 5
# blocklist = "blocklist.txt"
"""

CLIENT = """\
# One section for each client (Mandant) of the platform.
[clients.{name}]
host           = "{host}"
port           = {port}
user           = "{user}"
key            = "{key}"     # the private key; or password_env = "CLOSEDLOOP_{upper}_PASSWORD"
host_keys      = [{host_keys}]    # as the platform told you: "ssh-ed25519 AAAA..."; or known_hosts = "keys/known_hosts"
upload         = "/incoming"
download       = "/outgoing"
timezone       = "Europe/Berlin"
retention_days = 14          # days that the server keeps response files
# files        = {{ clicks = "{{date:%Y%m%d}}-klicks.csv" }}    # this client's own file names, by schema
"""

IGNORED = "closedloop.toml\nkeys/\nvar/\n"


def starter() -> Path:
    """Return the folder that holds the starter's jobs/ and schemas/: in the wheel, or the repository itself."""
    package = Path(str(files("closedloop")))
    packaged = package / "starter"
    return packaged if packaged.is_dir() else package.parent


def write_project(root: Path, client: str, section: str) -> list[str]:
    """Write a new project and return the files written, relative to it; files that are there already are kept.

    `section` is the text of `[clients.NAME]`. Raises `ProjectError`, with nothing written, if there is a closedloop.toml.
    """
    if (root / "closedloop.toml").exists():
        raise ProjectError(
            f"{root / 'closedloop.toml'}: there is a project already; nothing was written"
        )
    written = []
    try:
        for source in sorted([*starter().glob("jobs/*.toml"), *starter().glob("schemas/*.toml")]):
            text = source.read_text(encoding="utf-8").replace(
                'client         = "de"', f'client         = "{client}"'
            )
            text = text.replace('client       = "de"', f'client       = "{client}"')
            written += _write(root, f"{source.parent.name}/{source.name}", text)
        written += _write(root, ".gitignore", IGNORED)
        written += _write(root, "closedloop.toml", SETTINGS.format(client=section))
    except OSError as error:
        raise ProjectError(
            f"{root}: the project can't be written: {error.strerror or error}"
        ) from error
    return written


def client_section(
    name: str, host: str, port: int, user: str, key: str, host_keys: tuple[str, ...]
) -> str:
    """Return the text of a `[clients.NAME]` section."""
    pins = ", ".join(f'"{pin}"' for pin in host_keys)
    return CLIENT.format(
        name=name, host=host, port=port, user=user, key=key, host_keys=pins, upper=name.upper()
    )


def _write(root: Path, name: str, text: str) -> list[str]:
    path = root / name
    if path.exists():
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return [name]
