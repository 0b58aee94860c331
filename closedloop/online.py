"""What a check finds out by asking: server, log-in, folders and rights, clock, warehouse, mail, room."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from closedloop.core.plan import recognised
from closedloop.core.report import number
from closedloop.core.room import scarcity
from closedloop.errorfiles import ErrorFiles
from closedloop.errors import ClosedLoopError, Locked, LogInRefused, RemoteError, WarehouseBusy
from closedloop.holdings import size
from closedloop.ledger import Ledger
from closedloop.locks import held
from closedloop.model.error_file import Case, ErrorFile
from closedloop.model.job import PullJob
from closedloop.model.settings import Client, database_file
from closedloop.project import Project
from closedloop.remote.base import Remote
from closedloop.state import StateFolder

PROBE = b"a probe of closedloop check --online; it may be removed\n"
CLOCKS_APART = timedelta(minutes=2)
MAIL_SECONDS = 20.0
WORST_FIRST = (2, 69, 75, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist. A note needs nobody now; `exit_code` belongs to what failed."""

    what: str
    verdict: Literal["ok", "note", "failed"]
    detail: str
    exit_code: int = 0


Act = Callable[[], str]
Clock = Callable[[], datetime]


def findings(project: Project, now: Clock, *, log_in: bool) -> Iterator[Finding]:
    """Yield the checklist, line by line as it is found out; each server is asked once, nothing is tried again.

    Nobody logs in where an earlier log-in was refused, unless `log_in`. Nothing is left anywhere, and no letter is sent.
    """
    state = StateFolder(project.state)
    yield _tried("state folder", lambda: _room(state))
    for name, client in project.settings.clients.items():
        refused = [error for error in _open_errors(state) if _is_refusal(error, name)]
        if refused and not log_in:
            yield _untried(name, refused[-1])
            continue
        yield from _client(name, client, project, now)
    yield from _scarce(project)
    yield _tried("warehouse", lambda: _warehouse(project))
    yield _mail(project, state, log_in=log_in)


def exit_code(found: list[Finding]) -> int:
    """Return the worst exit code: what is wrong here comes before what is wrong elsewhere."""
    codes = {one.exit_code for one in found}
    return next((code for code in WORST_FIRST if code in codes), 0)


def _tried(what: str, act: Act) -> Finding:
    try:
        return Finding(what, "ok", act())
    except (Locked, WarehouseBusy) as error:
        return Finding(what, "note", f"not tried: {error}")
    except ClosedLoopError as error:
        return Finding(what, "failed", str(error), error.exit_code)


def _room(state: StateFolder) -> str:
    state.refuse_if_gone()
    with held(state.lock("check"), "check", "another check"):
        return f"there, and can be written; {size(state.free_bytes())} free"


def _scarce(project: Project) -> Iterator[Finding]:
    state = StateFolder(project.state)
    with Ledger(state.ledger) as ledger:
        for name in project.settings.clients:
            if short := scarcity(state.free_bytes(), ledger.files(name, date.max)):
                yield Finding(f"{name}: room", "note", short)


def _open_errors(state: StateFolder) -> list[ErrorFile]:
    return ErrorFiles(state).open()


def _is_refusal(error: ErrorFile, client: str) -> bool:
    return error.case is Case.REFUSED_LOG_IN and error.client == client


def _untried(name: str, refused: ErrorFile) -> Finding:
    return Finding(
        f"{name}: log-in",
        "failed",
        f"not tried: it was refused at {refused.time:%Y-%m-%d %H:%M} UTC, and accounts get locked; once it is mended: "
        f"closedloop check --online --log-in, then closedloop restart {refused.job}",
        75,
    )


def _client(name: str, client: Client, project: Project, now: Clock) -> Iterator[Finding]:
    from closedloop.remote.sftp import SftpRemote

    with SftpRemote(client, project.root, os.environ.get, name=name) as remote:
        entrance = _tried(f"{name}: log-in", lambda: _entered(remote, client, project))
        yield entrance
        if entrance.verdict == "failed":
            return
        stored: list[timedelta] = []
        what = f"{name}: upload {client.upload}"
        yield _tried(what, lambda: _probed(remote, name, project, now, stored))
        yield from (_clock(name, apart) for apart in stored)
        for key, folder in _read_folders(client):
            look = partial(_listed, remote, folder, name, project)
            yield _tried(f"{name}: {key} {folder}", look)


def _entered(remote: Remote, client: Client, project: Project) -> str:
    try:
        remote.find(client.upload)
    except LogInRefused as error:
        jobs = [job.name for job in project.jobs.values() if project.client(job.client) == client]
        raise LogInRefused(
            f"{error}. This check suspends nothing, but the next run of {' or '.join(jobs)} would try it, too: mend it first"
        ) from error
    return f"{client.host}:{client.port} answers, its host key is a known one, and it lets '{client.user}' in"


def _probed(
    remote: Remote, name: str, project: Project, now: Clock, stored: list[timedelta]
) -> str:
    """Do what a send does, under names that no import takes: write, look, rename, remove."""
    state = StateFolder(project.state)
    # To hold a lock would make the folder, and a run takes an empty one for the real one.
    state.refuse_if_gone()
    folder = project.client(name).upload.rstrip("/")
    token = secrets.token_hex(8)
    first, second = (f"{folder}/closedloop-check-{token}{end}.part" for end in ("", "-renamed"))
    rival = f"a send job of the client '{name}'"
    with (
        held(state.client_lock(name, "send"), "check", rival),
        TemporaryDirectory() as own,
        _removed(remote, first, second),
    ):
        source = Path(own) / "probe"
        source.write_bytes(PROBE)
        remote.stage(source, first)
        if found := remote.find(first):
            stored.append(found.modified - now())
        remote.publish(first, second)
    return "a probe was written, renamed and removed"


@contextmanager
def _removed(remote: Remote, *paths: str) -> Iterator[None]:
    """Take the probe away again, under whichever name it lies there; not to be able to is a failure of its own."""
    try:
        yield
    except ClosedLoopError as error:
        try:
            _remove(remote, paths)
        except ClosedLoopError as still:
            raise type(error)(f"{error}; and {still}") from error
        raise
    _remove(remote, paths)


def _remove(remote: Remote, paths: tuple[str, ...]) -> None:
    try:
        for path in paths:
            remote.remove(path)
    except ClosedLoopError as error:
        raise RemoteError(f"{error}; the probe may lie there as {' or '.join(paths)}") from error


def _clock(name: str, apart: timedelta) -> Finding:
    seconds = round(apart.total_seconds())
    told = f"the server's is {number(abs(seconds), 'second')} {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(apart) <= CLOCKS_APART:
        return Finding(f"{name}: clock", "ok", told if seconds else "the server's agrees with ours")
    return Finding(
        f"{name}: clock", "note", f"{told}: the names of waves hold our time, so set ours right"
    )


def _read_folders(client: Client) -> Iterator[tuple[str, str]]:
    folders = {"download": client.download, "errors": client.errors, "logs": client.logs}
    return ((key, folder) for key, folder in folders.items() if folder)


def _listed(remote: Remote, folder: str, name: str, project: Project) -> str:
    files = remote.listing(folder)
    client = project.client(name)
    if folder == client.download:
        pulls = [job for job in project.jobs.values() if isinstance(job, PullJob)]
        ours = {
            file.name
            for job in pulls
            if job.client == name
            for file, _, _ in recognised(files, project.incoming(job))[0]
        }
        return f"{number(len(files), 'file')}, {len(ours):,} of them for our pulls"
    if folder == client.errors and files:
        return f"{number(len(files), 'file')}: the platform reports trouble with an import; closedloop status"
    return number(len(files), "file")


def _warehouse(project: Project) -> str:
    from closedloop.edges import warehouse

    url = project.settings.warehouse.url
    path = project.root / database_file(url)
    if url.startswith("duckdb:") and not path.exists():
        return "not there yet; the first pull makes it"
    with warehouse(project, read_only=True) as stored:
        ((count,),) = (row.values() for row in stored.rows("SELECT count(*) AS n FROM loads"))
    return f"opens; it holds {number(int(count), 'file')}"


def _mail(project: Project, state: StateFolder, *, log_in: bool) -> Finding:
    settings = project.settings.mail
    if settings is None:
        return Finding(
            "mail", "note", "there is no [mail] in closedloop.toml: nobody gets a letter"
        )
    from closedloop.mail.mailer import is_pausing
    from closedloop.mail.smtp import Conversation, NotSent

    where = f"{settings.host}:{settings.port}"
    if is_pausing(state) and not log_in:
        refused = "not tried: it refused the log-in within the hour, and accounts get locked"
        return Finding("mail", "failed", f"{where}: {refused}; once mended, with --log-in", 69)
    try:
        with Conversation(settings, project.root, os.environ, MAIL_SECONDS):
            pass
    except NotSent as error:
        return Finding("mail", "failed", f"{where}: {error}; letters wait on disk meanwhile", 69)
    is_safe = settings.scheme == "smtps" or settings.needs_starttls
    line = "by TLS, its certificate is a trusted one" if is_safe else "in plain text"
    entered = ", and lets us log in" if settings.user else ""
    return Finding("mail", "ok", f"{where} answers {line}{entered}; no letter was sent")
