"""A new project: the starter's jobs and schemas, a commented closedloop.toml, and what editors need."""

import os
import re
import shlex
from importlib.resources import files
from pathlib import Path

from closedloop.core.nearest import nearest
from closedloop.editors import FOLDER, as_text, json_schemas
from closedloop.errors import ProjectError
from closedloop.newsettings import Answers, settings
from closedloop.toml import read_toml

UNASKED = Answers()

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


def refuse_if_unmakeable(root: Path) -> None:
    """Raise `ProjectError` if there is a project already, or no folder can be made there."""
    if (root / "closedloop.toml").exists():
        raise ProjectError(
            f"{root / 'closedloop.toml'}: there is a project already; nothing was written"
        )
    there = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise ProjectError(
            f"{root}: the project can't be written: {there} is no folder to write in"
        )


def write_project(
    root: Path, client: str, section: str, *, rehearsal: bool, answers: Answers = UNASKED
) -> list[str]:
    """Write a new project and return the files written, relative to it; files that are there already are kept.

    `section` is the text of `[clients.NAME]`, `answers` say the rest. A `rehearsal` selects from a file of sample customers.
    Raises `ProjectError`, with nothing written, where none can be made.
    """
    refuse_if_unmakeable(root)
    sources = sorted([*starter().glob("jobs/*.toml"), *starter().glob("schemas/*.toml")])
    texts = {
        f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in sources
    }
    texts = {name: _adapted(text, client, rehearsal=rehearsal) for name, text in texts.items()}
    texts |= {f"{FOLDER}/{kind}.json": as_text(schema) for kind, schema in json_schemas().items()}
    if rehearsal:
        texts["customers.csv"] = CUSTOMERS
    texts |= {".gitignore": IGNORED, "closedloop.toml": settings(section, answers)}
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
    """Fit a starter file to this project: its client, the sample customers of a rehearsal, its JSON Schema for editors."""
    kind = re.search(r'^kind\s*= "(\w+)"', text, flags=re.MULTILINE)
    text = f"#:schema ../{FOLDER}/{kind[1] if kind else 'schema'}.json\n{text}"
    text = re.sub(r'^(client\s*=) "de"', rf'\1 "{client}"', text, flags=re.MULTILINE)
    if rehearsal and "[selection]" in text:
        return f'{text[: text.index("[selection]")]}[selection]\nfile = "customers.csv"\n'
    return text


def emulated(folder: Path, client: str | None) -> tuple[str, str]:
    """Return the client that a project speaks for, and all sections of the emulator in `folder`.

    The client is the named one, or the only one there; `ProjectError` names those that are there.
    """
    path = folder / "client.toml"
    if not path.is_file():
        raise ProjectError(
            f"{path}: there is no emulator in '{folder}'; start it first: closedloop emulate {shlex.quote(str(folder))}"
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
