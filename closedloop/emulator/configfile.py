"""platform.toml: written with comments on the first start, read strictly ever after."""

import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from closedloop.emulator.config import Account, Config, Export, Reactions
from closedloop.emulator.misbehaviour import Fault, Misbehaviour
from closedloop.emulator.words import known
from closedloop.errors import ProjectError

Kind = TypeVar("Kind", Account, Config, Export, Reactions, Misbehaviour, Fault)

TEMPLATE = """\
# The emulated platform. Edit and save: every import run and every export reads this file anew.

port = {port}                      # of the SFTP server on 127.0.0.1
seed = 1                          # the same seed and the same uploads give the same reactions
import_minutes = 10               # how often the platform looks for uploads
export_at = "05:00"               # local time of the daily export
mails_per_second = 100
keep_uploads = false              # true: an imported file stays in the upload folder
hard_limit = 3                    # an address with so many hard bounces is not mailed again
soft_limit = 5
list_pool = 12                    # recipient lists are taken in turn from a pool of this size

# The columns of a subscriber file, in order. Add the ones you agreed on.
list_columns = ["Email", "BROADMAIL_ID", "WELLE_ID", "Anrede", "Vorname", "Nachname"]
blocklist    = ["*@blocked.example", "abuse@*", "postmaster@*"]
unsubscribed = []                 # who left by another way than a mailing

[clients.de]
mailing_group_id = 44015200417    # the client ID in the response files
timezone         = "Europe/Berlin"
retention_days   = 14             # older response files are deleted
# user = "r_example"              # the log-in name; without it the client's name
# upload = "incoming"             # the folders: upload, download, errors, logs

[source_mailings]                 # new | activation_required | activated
44018617811 = "activation_required"

[reactions]                       # shares of the recipients
hard = 0.015
soft = 0.02
late = 0.35                       # of the bounces: reported as delivered first
opened = 0.27
automated = 0.15                  # opens by Apple Mail Privacy Protection
clicked = 0.04
doubled = 0.08                    # of the clicks: twice within one second
unsubscribed = 0.002
replied = 0.001
autoresponded = 0.006
unsendable = 0.001
foreign_per_day = 1               # mailings that the client never triggered
foreign_recipients = 40
unknown_values = false            # status values that no document names
autumn_hour = false               # move some opens and clicks into the repeated hour

[export]
header = true
quoting = "minimal"               # minimal | all | none (bare unless it would be misread)
eol = "lf"                        # lf | crlf
bom = false
extra_columns = []                # list columns that come back, as ["WELLE_ID"]
parts = 1                         # more than one: 20261120_clicks_1.csv, ...
empty_days = "header"             # header: a file with nothing in it; none: no file
overlap = 0                       # a file brings the rows of so many earlier days once more
broken_lines = 0                  # so many broken lines in each file that has true ones, besides those

[export.missing]                  # withheld for ever
# "2026-11-20" = ["clicks"]
[export.late]                     # written some days after their day
# "2026-11-20" = {{ kinds = ["opens"], days = 2 }}
[export.restated]                 # incomplete first, written again with the next day's files
# "2026-11-20" = ["mailingrecipients"]

[misbehave]                       # of the SFTP server; works at once. 0 or false: it behaves
faults = []                       # as [{{ request = "rename", do = "cut", when = "after", nth = 1 }}]
short_reads = 0                   # so many bytes an answer, at most
truncate_uploads = 0              # stores so many bytes of a file and says yes to all
truncate_downloads = 0            # a file ends after so many bytes
disk_bytes = 0                    # then the disk is full
size_off = 0                      # files are said to be so many bytes larger
time_off = 0                      # files are said to be so many seconds younger
lie_in = "everywhere"             # everywhere | listing | stat
ghosts = []                       # listed and not there, as ["/outgoing/20261120_clicks.csv"]
names = 0                         # each folder lists so many further files, which are not there
odd_names = false                 # and some with names that no file should have
bare_names = false                # a listing tells names, and nothing of size, time and kind
page = 0                          # so many names an answer
overwrite = false                 # a rename replaces what bears the name
rename_copies = false             # a rename leaves the old name as well
import_at_once = false            # a subscriber file is gone the moment it has its name
import_staged = false             # and one under a temporary name the moment it is closed
answers = 0                       # then it hangs up, on each connection
out_of_order = false              # answers overtake each other
sessions = 0                      # so many connections at once; it hangs up on further ones
noise_lines = 0                   # said before the server names its protocol
rekey_bytes = 0                   # new session keys after so many bytes
new_host_key = false              # from the next connection on
lock_after = 0                    # bad log-ins, until the server starts again
"""


def load_or_create(path: Path) -> Config:
    """Read the configuration, after writing the commented one where there is none."""
    if not path.exists():
        path.write_text(TEMPLATE.format(port=_free_port()), encoding="utf-8")
    return load(path)


def load(path: Path) -> Config:
    """Read platform.toml; `ProjectError` says which key is wrong and what would be right."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectError(f"{path}: can't be read: {error}; mend it or delete it") from error
    try:
        return _config(given)
    except ProjectError as error:
        raise ProjectError(f"{path}: {error}") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(given: dict[str, Any]) -> Config:
    lifted = {key: lift(given[key]) for key, lift in _LIFTS.items() if key in given}
    return _filled(Config, {**given, **lifted}, "")


def _clients(given: object) -> tuple[Account, ...]:
    named = _table(given, "clients")
    return tuple(
        _filled(Account, {**_table(each, f"clients.{name}"), "name": name}, f"clients.{name}.")
        for name, each in named.items()
    )


def _source_mailings(given: object) -> dict[int, str]:
    states = _table(given, "source_mailings")
    try:
        return {int(number): str(state) for number, state in states.items()}
    except ValueError as error:
        raise ProjectError("source_mailings: each key is a mailing's number") from error


def _reactions(given: object) -> Reactions:
    return _filled(Reactions, _table(given, "reactions"), "reactions.")


def _export(given: object) -> Export:
    table = _table(given, "export")
    lifted: dict[str, object] = {
        key: {_day(day): _names(kinds) for day, kinds in _table(table[key], key).items()}
        for key in ("missing", "restated")
        if key in table
    }
    if "late" in table:
        late = _table(table["late"], "late")
        lifted["late"] = {_day(day): _delay(each) for day, each in late.items()}
    return _filled(Export, {**table, **lifted}, "export.")


def misbehaviour(given: object) -> Misbehaviour:
    """Read the table `[misbehave]`."""
    table = _table(given, "misbehave")
    faults = table.get("faults", [])
    if not isinstance(faults, list):
        raise ProjectError('misbehave.faults: a list, as in [{ request = "rename", do = "cut" }]')
    where = "misbehave.faults"
    lifted = [_filled(Fault, _table(each, where), f"{where}: ") for each in faults]
    return _filled(Misbehaviour, {**table, "faults": lifted}, "misbehave.")


_LIFTS: Mapping[str, Callable[[object], object]] = {
    "clients": _clients,
    "source_mailings": _source_mailings,
    "reactions": _reactions,
    "export": _export,
    "misbehave": misbehaviour,
}


def _delay(given: object) -> tuple[tuple[str, ...], int]:
    table = _table(given, "export.late")
    if set(table) != {"kinds", "days"} or not isinstance(table["days"], int):
        raise ProjectError('export.late: write a day as { kinds = ["clicks"], days = 2 }')
    return _names(table["kinds"]), table["days"]


def _names(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ProjectError('export: kinds are a list of names, as in ["clicks", "opens"]')
    return tuple(given)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ProjectError(f"export: '{text}' is no day; write it as in 2026-11-20") from error


def _table(given: object, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ProjectError(f"{where}: must be a table, as in [{where}]")
    return given


def _filled(kind: type[Kind], given: dict[str, Any], where: str) -> Kind:
    """Build a dataclass from a table: no unknown key, every value of its default's type."""
    defaults = kind()
    names = [each.name for each in fields(kind)]
    ready = {}
    for key, value in given.items():
        known(key, names, f"{where}{key}")
        ready[key] = _typed(value, getattr(defaults, key), f"{where}{key}")
    return kind(**ready)


def _typed(value: Any, default: object, where: str) -> Any:
    if isinstance(default, tuple) and isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = Mapping if isinstance(default, Mapping) else type(default)
    if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(default, bool):
        raise ProjectError(f"{where}: needs a value like {default!r}, not {value!r}")
    return value
