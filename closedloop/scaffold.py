"""A new project: the starter's jobs and schemas, and a commented closedloop.toml."""

import json
import re
from importlib.resources import files
from pathlib import Path

from closedloop.core.crosscheck import NAME, NAME_RULE
from closedloop.core.nearest import nearest
from closedloop.errors import ProjectError
from closedloop.toml import read_toml

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

# Who is told of each run; without this section nobody is. All keys: docs/mail.md
# [mail]
# url  = "smtp://localhost"
# from = "closedloop@example.com"
# to   = ["you@example.com"]
"""

CLIENT = """\
# One section for each client (Mandant) of the platform.
[clients.{name}]
host           = {host}
port           = {port}
user           = {user}
key            = {key}     # the private key; or password_env = "CLOSEDLOOP_{upper}_PASSWORD"
host_keys      = [{host_keys}]    # as the platform told you: "ssh-ed25519 AAAA..."; or known_hosts = "keys/known_hosts"
upload         = "/incoming"
download       = "/outgoing"
timezone       = "Europe/Berlin"
retention_days = 14          # days that the server keeps response files
# files        = {{ clicks = "{{date:%Y%m%d}}-klicks.csv" }}    # this client's own file names, by schema
"""

IGNORED = "closedloop.toml\nkeys/\nvar/\n"

CUSTOMERS = """\
Email;Anrede;Vorname;Nachname
anna.mueller@example.com;Frau;Anna;Müller
ben.weiss@example.com;Herr;Ben;Weiß
ANNA.MUELLER@example.com;Frau;Anna;Müller
clara(at)example.com;Frau;Clara;Nowak
david.oneill@example.org;Herr;David;O'Neill
"""
"""Five customers to rehearse with: one stands there twice, one has a bad address."""


def starter() -> Path:
    """Return the folder that holds the starter's jobs/ and schemas/: in the wheel, or the repository itself."""
    package = Path(str(files("closedloop")))
    packaged = package / "starter"
    return packaged if packaged.is_dir() else package.parent


def write_project(root: Path, client: str, section: str, *, rehearsal: bool) -> list[str]:
    """Write a new project and return the files written, relative to it; files that are there already are kept.

    `section` is the text of `[clients.NAME]`. A `rehearsal` selects from a file of sample customers. Raises
    `ProjectError`, with nothing written, if there is a closedloop.toml.
    """
    if (root / "closedloop.toml").exists():
        raise ProjectError(
            f"{root / 'closedloop.toml'}: there is a project already; nothing was written"
        )
    sources = sorted([*starter().glob("jobs/*.toml"), *starter().glob("schemas/*.toml")])
    texts = {
        f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in sources
    }
    texts = {name: _adapted(text, client, rehearsal=rehearsal) for name, text in texts.items()}
    if rehearsal:
        texts["customers.csv"] = CUSTOMERS
    texts |= {".gitignore": IGNORED, "closedloop.toml": SETTINGS.format(client=section)}
    try:
        # A run refuses to begin without it: a state folder that is gone must not be taken for a new one.
        root.mkdir(parents=True, exist_ok=True)
        for folder in (root / "var", root / "var" / "locks"):
            folder.mkdir(exist_ok=True, mode=0o700)
        return [name for name, text in texts.items() if _write(root / name, text)]
    except OSError as error:
        raise ProjectError(
            f"{root}: the project can't be written: {error.strerror or error}"
        ) from error


def _adapted(text: str, client: str, *, rehearsal: bool) -> str:
    """Fit a starter file to this project: its client, and the sample customers of a rehearsal."""
    text = re.sub(r'^(client\s*=) "de"', rf'\1 "{client}"', text, flags=re.MULTILINE)
    if rehearsal and "[selection]" in text:
        return f'{text[: text.index("[selection]")]}[selection]\nfile = "customers.csv"\n'
    return text


def client_section(
    name: str, host: str, port: int, user: str, key: str, host_keys: tuple[str, ...]
) -> str:
    """Return the text of a `[clients.NAME]` section; `ProjectError` for a name that a client can't have."""
    if not NAME.fullmatch(name):
        raise ProjectError(f"--client: '{name}' can't be a client: {NAME_RULE}")
    texts = {"host": host, "user": user, "key": key}
    return CLIENT.format(
        name=name,
        port=port,
        upper=name.upper().replace("-", "_"),
        host_keys=", ".join(map(_quoted, host_keys)),
        **{field: _quoted(text) for field, text in texts.items()},
    )


def _quoted(text: str) -> str:
    """Return a text as TOML has it, whatever signs it holds."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def emulated(folder: Path, client: str | None) -> tuple[str, str]:
    """Return the client that a project speaks for, and all sections of the emulator in `folder`.

    The client is the named one, or the only one there; `ProjectError` names those that are there.
    """
    path = folder / "client.toml"
    if not path.is_file():
        raise ProjectError(
            f"{path}: there is no emulator in '{folder}'; start it first: closedloop emulate {folder}"
        )
    clients = read_toml(path, str(path)).get("clients")
    known = sorted(clients) if isinstance(clients, dict) else []
    if client is None and len(known) == 1:
        client = known[0]
    if client is None:
        raise ProjectError(
            f"{path}: it has {len(known)} clients; choose one with --client: {', '.join(known)}"
        )
    if client not in known:
        raise ProjectError(f"--client: {path} has no client '{client}'{nearest(client, known)}")
    return client, path.read_text(encoding="utf-8-sig")


def _write(path: Path, text: str) -> bool:
    """Write a file that is not there yet; say whether it was."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    if path.name == "closedloop.toml":
        # It holds no secret of ours, but users write some into URLs all the same.
        part.chmod(0o600)
    part.replace(path)
    return True
