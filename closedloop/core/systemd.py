"""The systemd units of a project: a timer and a service for each job, and what tells of a failure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from closedloop.core.crontab import RETRY_EVENT
from closedloop.core.oncalendar import on_calendar
from closedloop.errors import ProjectError
from closedloop.model.job import PullJob, SendJob
from closedloop.model.settings import Client, Settings

UNITS = "/etc/systemd/system"
CREDENTIALS = "/etc/credstore"
HOMES = ("/home", "/root", "/run/user")
PLAIN = re.compile(r"[A-Za-z0-9_./:@+,=-]+")
BEYOND_DEADLINE_MINUTES = 15
"""A run ends by itself at its deadline; one that does not is ended so long after it."""

HARDENING = """\
# It may write below ReadWritePaths= only, sees no home and no device, and can't gain a right. Polars runs code that it wrote
# when it starts: MemoryDenyWriteExecute= would forbid that.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={home}
{writable}PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies={families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
"""

SERVICE = """\
# closedloop: printed by 'closedloop schedule systemd'. Your own changes: systemctl edit {unit}
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target
RequiresMountsFor={mounts}
OnFailure={notice}@%n.service

[Service]
Type=oneshot
User={user}
ExecStart={call}
# 75: had to wait, or suspended. Who must act was told when it happened; each run since would tell it again.
SuccessExitStatus=75
TimeoutStartSec={start_minutes}min
# To the next safe point; a request to the server may take five minutes before that.
TimeoutStopSec=6min
{credentials}
{hardening}"""

TIMER = """\
# closedloop: printed by 'closedloop schedule systemd'. Your own changes: systemctl edit {unit}
[Unit]
Description={description}

[Timer]
{events}
AccuracySec=1s
{persistent}
[Install]
WantedBy=timers.target
"""
PERSISTENT = """\
# A machine that was off during a slot starts the job at its next boot{meaning}.
Persistent=yes
"""
NOT_PERSISTENT = """\
# It asks again in a few minutes; nothing is to be caught up with.
Persistent=no
"""
LATE_WAVE = ", and its wave goes out late, once"

NOTICE = """\
# closedloop: printed by 'closedloop schedule systemd'. Started by whatever failed, for the journal; put in what tells you:
# systemctl edit {unit}
[Unit]
Description=closedloop: tell that %i failed

[Service]
Type=oneshot
DynamicUser=yes
ExecStart=/bin/echo "%i failed: journalctl -u %i, and closedloop status"
SyslogIdentifier=closedloop
SyslogLevel=err
TimeoutStartSec=1min
{hardening}"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where units run: the words that start the program, the project's folder, who runs it, and the folders it writes into.

    All paths are absolute. Of the folders the first is the state folder; the others may be missing.
    """

    command: Sequence[str]
    root: str
    user: str
    writable: Sequence[str]

    @property
    def prefix(self) -> str:
        """What the names of all units begin with."""
        return f"closedloop-{re.sub('[^A-Za-z0-9_-]', '_', PurePosixPath(self.root).name)}"


def units(
    jobs: Mapping[str, SendJob | PullJob], settings: Settings, place: Place
) -> dict[str, str]:
    """Return the text of each unit by its name, for every job with a schedule."""
    found = {f"{place.prefix}-failed@.service": _notice(place)}
    for job in jobs.values():
        if not job.schedule:
            continue
        client = settings.clients[job.client]
        _add(found, _pair(job, on_calendar(job.schedule, client.zone), settings, place))
        if isinstance(job, SendJob):
            _add(found, _pair(job, [RETRY_EVENT], settings, place, "--retry"))
    return found


def credentials(client: Client, settings: Settings) -> list[str]:
    """Return the names of the secrets that a client's jobs need."""
    mail = settings.mail
    names = [client.password_env, client.passphrase_env]
    names += [mail.password_env, mail.password_credential] if mail else []
    return [*dict.fromkeys(name for name in names if name)]


def credential_file(name: str, place: Place) -> str:
    """Return where a secret is expected, readable by root alone."""
    return f"{CREDENTIALS}/{place.prefix}.{name}"


def _add(found: dict[str, str], pair: Mapping[str, str]) -> None:
    for name, text in pair.items():
        if name in found:
            raise ProjectError(
                f"two jobs would have the unit {name}: rename the one that ends in '-retry'"
            )
        found[name] = text


def _pair(
    job: SendJob | PullJob, events: Sequence[str], settings: Settings, place: Place, *more: str
) -> dict[str, str]:
    """Return a job's timer and service; `more` are the words after its name."""
    unit = "-".join([place.prefix, job.name, *(word.strip("-") for word in more)])
    description = _described(job, more)
    service = SERVICE.format(
        unit=f"{unit}.service",
        description=description,
        mounts=" ".join(_quoted(path) for path in [place.root, place.writable[0]]),
        notice=f"{place.prefix}-failed",
        user=place.user,
        call=_call([*place.command, "--project", place.root, "run", job.name, *more]),
        start_minutes=round(job.deadline_minutes) + BEYOND_DEADLINE_MINUTES,
        credentials="".join(_loaded(settings.clients[job.client], settings, place)),
        hardening=HARDENING.format(
            home=_home(place), writable=_writable(place), families="AF_UNIX AF_INET AF_INET6"
        ),
    )
    timer = TIMER.format(
        unit=f"{unit}.timer",
        description=description,
        events="\n".join(f"OnCalendar={event}" for event in events),
        persistent=_persistent(job, more),
    )
    return {f"{unit}.service": service, f"{unit}.timer": timer}


def _described(job: SendJob | PullJob, more: Sequence[str]) -> str:
    words = " ".join(f"closedloop: {job.name} {' '.join(more)}".split())
    told = " ".join(job.description.split())
    return f"{words}: {told}".replace("%", "%%") if told else words


def _persistent(job: SendJob | PullJob, more: Sequence[str]) -> str:
    if more:
        return NOT_PERSISTENT
    return PERSISTENT.format(meaning=LATE_WAVE if isinstance(job, SendJob) else "")


def _loaded(client: Client, settings: Settings, place: Place) -> Iterator[str]:
    for name in credentials(client, settings):
        yield f"LoadCredential={name}:{credential_file(name, place)}\n"


def _notice(place: Place) -> str:
    return NOTICE.format(
        unit=f"{place.prefix}-failed@.service",
        hardening=HARDENING.format(home="yes", writable="", families="AF_UNIX"),
    )


def _home(place: Place) -> str:
    """Hide the homes, unless something of this project lies in one."""
    needed = [place.root, *place.command, *place.writable]
    return "read-only" if any(path.startswith(HOMES) for path in needed) else "yes"


def _writable(place: Place) -> str:
    state, *others = place.writable
    lines = [f"ReadWritePaths={_quoted(state)}", *(f"ReadWritePaths=-{_quoted(p)}" for p in others)]
    return "".join(f"{line}\n" for line in lines)


def _call(words: Sequence[str]) -> str:
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    """Return a word as systemd reads it; a bare `%` begins a specifier."""
    if any(ord(sign) < ord(" ") for sign in word):
        raise ProjectError(f"{word!r} can't stand in a unit: it holds a control character")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return word if PLAIN.fullmatch(word) else f'"{escaped}"'
