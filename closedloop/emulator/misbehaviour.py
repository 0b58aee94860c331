"""How the platform's server misbehaves: what `[misbehave]` of platform.toml holds."""

from dataclasses import dataclass, fields

from closedloop.emulator.words import known
from closedloop.errors import ProjectError

REQUESTS = (
    "connect",
    "open",
    "close",
    "read",
    "write",
    "stat",
    "lstat",
    "fstat",
    "opendir",
    "readdir",
    "rename",
    "remove",
)
REFUSALS = {
    "eof": 1,
    "no_such_file": 2,
    "permission_denied": 3,
    "failure": 4,
    "bad_message": 5,
    "no_connection": 6,
    "connection_lost": 7,
    "op_unsupported": 8,
}
DEEDS = ("cut", "stall", "pretend", *REFUSALS)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one request, counted from the moment this was asked for.

    `do` cuts the connection, stalls without closing it, refuses with a status, or pretends: says yes and does
    nothing; `when` says whether the server has done what it was asked for by then. It strikes the `nth` request of its kind (0: each of them), or the `read` or
    `write` that moves the `byte`-th byte.
    """

    request: str = "rename"
    do: str = "cut"
    when: str = "before"
    nth: int = 1
    byte: int = 0

    def __post_init__(self) -> None:
        known(self.request, REQUESTS, "misbehave.faults: request")
        known(self.do, DEEDS, "misbehave.faults: do")
        known(self.when, ("before", "after"), "misbehave.faults: when")
        if self.byte and self.request not in ("read", "write"):
            raise ProjectError("misbehave.faults: byte: only a 'read' or a 'write' moves bytes")
        if self.nth < 0 or self.byte < 0:
            raise ProjectError("misbehave.faults: nth and byte: count from 1; 0 is each, or none")
        if self.request == "connect" and self.do in REFUSALS:
            raise ProjectError("misbehave.faults: do: a 'connect' can be 'cut' or 'stall' only")
        if self.request == "opendir" and self.do == "stall":
            raise ProjectError("misbehave.faults: do: 'opendir' can't stall here; stall 'readdir'")
        if self.do == "pretend" and self.request not in ("rename", "remove"):
            raise ProjectError(
                "misbehave.faults: do: a 'rename' or a 'remove' can be pretended only"
            )


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Everything the server can do wrong; the defaults are an honest one, and 0 switches a number off.

    Numbers of bytes count what moved since this was asked for, or within one file for the two that truncate.
    """

    faults: tuple[Fault, ...] = ()
    short_reads: int = 0  # so many bytes an answer, at most
    truncate_uploads: int = 0  # stores so many bytes of a file and says yes to all
    truncate_downloads: int = 0  # a file ends after so many bytes
    disk_bytes: int = 0  # then the disk is full
    size_off: int = 0  # files are said to be so many bytes larger
    time_off: int = 0  # files are said to be so many seconds younger
    lie_in: str = "everywhere"  # everywhere | listing | stat
    ghosts: tuple[str, ...] = ()  # paths that are listed, and not there
    names: int = 0  # each folder lists so many further files, which are not there
    odd_names: bool = False  # and some with names that no file should have
    bare_names: bool = False  # a listing tells names, and nothing of size, time and kind
    page: int = 0  # so many names an answer
    overwrite: bool = False  # a rename replaces what bears the name
    rename_copies: bool = False  # a rename leaves the old name as well
    import_at_once: bool = False  # a subscriber file is gone the moment it has its name
    import_staged: bool = False  # and one under a temporary name the moment it is closed
    answers: int = 0  # then it hangs up, on each connection
    out_of_order: bool = False  # answers overtake each other
    sessions: int = 0  # so many connections at once; it hangs up on further ones
    noise_lines: int = 0  # said before the server names its protocol
    rekey_bytes: int = 0  # new session keys after so many bytes
    new_host_key: bool = False  # from the next connection on
    lock_after: int = 0  # bad log-ins, until the server starts again

    def __post_init__(self) -> None:
        known(self.lie_in, ("everywhere", "listing", "stat"), "misbehave.lie_in")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int) and value < 0 and not each.name.endswith("_off"):
                raise ProjectError(f"misbehave.{each.name}: a number from 0 on; 0 switches it off")
