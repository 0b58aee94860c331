"""The letter about a pull: what was expected, came, was loaded, was rejected, is missing."""

from collections.abc import Iterable, Iterator
from datetime import date

from closedloop.core.letter_frame import footer, shortened, subject
from closedloop.core.letter_waves import seen_waves, wave_troubles
from closedloop.core.past import Past
from closedloop.core.report import FAILED, NOT_TAKEN_IN
from closedloop.core.tongue import Tongue
from closedloop.core.usual import Volume, bouncing, volumes
from closedloop.model.job import PullJob
from closedloop.model.letter import Cell, Figure, Letter, Section, Step, Table, Tone
from closedloop.model.run import FileOutcome, FileStatus, MissingFile, PullResult, RunReport

SHOWN_MAILINGS = 5
URGENT_DAYS = 3
TWICE_THE_USUAL = 2.0
TONES: dict[FileStatus, Tone] = {
    FileStatus.REFUSED: "bad",
    FileStatus.UNREACHABLE: "bad",
    FileStatus.WAITING: "plain",
}


def pull_letter(
    report: RunReport, result: PullResult, job: PullJob, past: Past, tongue: Tongue
) -> Letter:
    """Return the letter about a pull that took files in or has something to say."""
    tone = _tone(result, past)
    summary = _summary(result, tongue)
    days = _days(report, result, tongue)
    verdicts = {"good": "All well", "watch": "Please look", "bad": "Please act"}
    return Letter(
        subject=subject(job.client, job.kind, f"{days}: {summary}"),
        language=tongue.language,
        written=report.finished,
        tone=tone,
        verdict=tongue.say(verdicts[tone]),
        headline=f"{job.client} {job.name} · {days}",
        figures=_figures(result, tongue),
        sections=tuple(_sections(report, result, job, past, tongue)),
        footer=footer(report, tongue),
    )


def _tone(result: PullResult, past: Past) -> Tone:
    lost = any(missing.days_left <= URGENT_DAYS for missing in result.missing)
    failed = any(file.status in FAILED for file in result.files)
    if failed or lost or result.halts or result.held or _twice(result):
        return "bad"
    rejected = any(file.counts.quarantined for file in result.files)
    odd = bouncing(result) or any(v.is_odd for v in volumes(_taken(result), past.loads))
    return "watch" if result.missing or result.unseen or rejected or odd else "good"


def _taken(result: PullResult) -> list[FileOutcome]:
    return [file for file in result.files if file.status not in NOT_TAKEN_IN]


def _twice(result: PullResult) -> int:
    return sum(wave.mailings > 1 for wave in result.waves)


def _summary(result: PullResult, tongue: Tongue) -> str:
    rows = sum(file.counts.loaded for file in result.files)
    rejected = sum(file.counts.quarantined for file in result.files)
    came = [
        tongue.count(len(_taken(result)), "file"),
        tongue.count(rows, "row"),
        tongue.say("{n} rejected", n=rejected),
    ]
    others = {
        "{n} failed": sum(file.status in FAILED for file in result.files),
        "{n} missing": len(result.missing),
        "{n} refused earlier": len(result.held),
        "{n} mailed twice": _twice(result),
        "{n} not seen": len(result.unseen),
    }
    parts = came if result.files else [tongue.say("nothing new")]
    parts += [tongue.say(text, n=count) for text, count in others.items() if count]
    parts += [tongue.say("the platform's import has halted")] if result.halts else []
    return ", ".join(parts)


def _days(report: RunReport, result: PullResult, tongue: Tongue) -> str:
    """Return the days of the files that came, or today."""
    days = sorted({file.day for file in _taken(result)})
    if not days:
        return tongue.day(report.started.astimezone(tongue.zone).date())
    first, last = tongue.day(days[0]), tongue.day(days[-1])
    return first if first == last else tongue.say("{first} to {last}", first=first, last=last)


def _figures(result: PullResult, tongue: Tongue) -> tuple[Figure, ...]:
    loaded = sum(file.counts.loaded for file in result.files)
    rejected = sum(file.counts.quarantined for file in result.files)
    failed = sum(file.status in FAILED for file in result.files)
    missing = len(result.missing)
    figures = [
        Figure(tongue.number(len(_taken(result))), tongue.say("files taken in")),
        Figure(tongue.number(loaded), tongue.say("rows loaded")),
        Figure(tongue.number(rejected), tongue.say("rejected"), "watch" if rejected else "plain"),
        Figure(
            tongue.number(missing), tongue.say("files missing"), "watch" if missing else "plain"
        ),
    ]
    if failed:
        figures.append(Figure(tongue.number(failed), tongue.say("failed"), "bad"))
    return tuple(figures)


def _sections(
    report: RunReport, result: PullResult, job: PullJob, past: Past, tongue: Tongue
) -> Iterator[Section]:
    candidates = [
        _to_do(report, result, job, tongue),
        _unusual(result, past, tongue),
        _deliveries(result, job, past, tongue),
        _files(result, past, tongue),
        _rejects(result, tongue),
        seen_waves(result, tongue),
        _mailings(result, tongue),
        Section(tongue.say("Notes"), _listed(_notes(report, result, tongue), tongue)),
    ]
    for section in candidates:
        if section.sentences or section.steps or (section.table and section.table.rows):
            yield section


def _to_do(report: RunReport, result: PullResult, job: PullJob, tongue: Tongue) -> Section:
    refused = [file for file in result.files if file.status is FileStatus.REFUSED]
    sentences = [
        tongue.say("{name} was refused: {why}", name=file.name, why=_detail(file))
        for file in refused
    ]
    sentences += [tongue.say("{name} waits, refused earlier", name=name) for name in result.held]
    sentences += [
        tongue.say(
            "The platform left {name}: it imports nothing more of this client until its support has cleared that. Ask "
            "it what became of the wave, if it is about one.",
            name=name,
        )
        for name in result.halts
    ]
    sentences += wave_troubles(report, result, tongue)
    steps = tuple(_steps(result, job, tongue))
    return Section(tongue.say("What to do"), _listed(sentences, tongue), steps=steps)


def _steps(result: PullResult, job: PullJob, tongue: Tongue) -> Iterator[Step]:
    refused = any(file.status is FileStatus.REFUSED for file in result.files)
    if refused or result.held:
        when = tongue.term("once the schema is mended, or the platform has answered")
        yield Step(f"{when}:", f"closedloop restart {job.name}")
    if result.halts:
        when = tongue.say("What is open, and what a restart would do:")
        yield Step(when, "closedloop restart --dry-run")
    if any(file.counts.quarantined for file in result.files):
        when = tongue.say("To see the rejected rows and take in corrected ones:")
        yield Step(when, "closedloop quarantine list")
    if result.missing:
        when = tongue.say("Ask the platform for the missing files; what is missing now:")
        yield Step(when, "closedloop status")
    elif not (refused or result.held or result.halts or result.unseen):
        yield Step(tongue.say("All jobs at a glance:"), "closedloop status")


def _listed(sentences: Iterable[str], tongue: Tongue) -> tuple[str, ...]:
    shown, more = shortened([*sentences], tongue)
    return (*shown, *more)


def _detail(file: FileOutcome) -> str:
    return file.detail.removeprefix(f"{file.name}: ")


def _unusual(result: PullResult, past: Past, tongue: Tongue) -> Section:
    sentences = [
        tongue.say(
            "{schema} of {day}: {rows}, usually {usual} on this weekday",
            schema=volume.schema,
            day=tongue.day(volume.day),
            rows=tongue.count(volume.rows, "row"),
            usual=volume.usual or 0,
        )
        for volume in volumes(_taken(result), past.loads)
        if volume.is_odd
    ]
    sentences += [
        tongue.say(
            "Mailing {id} of {day}: {share} bounced, usually {usual}",
            id=str(mailing.mailing_id),
            day=tongue.day(mailing.started_at.astimezone(tongue.zone).date()),
            share=tongue.percent(mailing.bounce_share, 1),
            usual=tongue.percent(usual, 1),
        )
        for mailing, usual in bouncing(result)
    ]
    return Section(tongue.say("Not as usual"), sentences=_listed(sentences, tongue))


def _deliveries(result: PullResult, job: PullJob, past: Past, tongue: Tongue) -> Section:
    """Return what was expected and what is here, for each day that this pull is about."""
    missing: dict[date, list[MissingFile]] = {}
    for file in result.missing:
        missing.setdefault(file.day, []).append(file)
    days = sorted({*missing, *(file.day for file in _taken(result))}, reverse=True)
    here = {(load.file.day, load.file.schema) for load in past.loads}
    shown, more = shortened(days, tongue)
    rows = []
    for day in shown:
        come = sum((day, schema) in here for schema in job.schemas)
        share = come / len(job.schemas)
        rows.append(
            (
                Cell(tongue.day(day)),
                Cell(f"{come} / {len(job.schemas)}", "good" if share == 1 else "watch", share),
                _gap(missing.get(day, []), _failed(day, result, tongue), job, tongue),
            )
        )
    head = tuple(map(tongue.say, ("Day", "here / expected", "Missing")))
    return Section(tongue.say("Deliveries"), table=Table(head, tuple(rows), more=more))


def _failed(day: date, result: PullResult, tongue: Tongue) -> str:
    """Name the files of a day that came and were not taken in."""
    failed = [file for file in result.files if file.day == day and file.status in FAILED]
    return ", ".join(f"{file.schema} ({tongue.term(str(file.status))})" for file in failed)


def _gap(missing: list[MissingFile], failed: str, job: PullJob, tongue: Tongue) -> Cell:
    if not missing:
        return Cell(failed, "bad") if failed else Cell("-")
    days_left = min(file.days_left for file in missing)
    names = ", ".join(file.schema for file in missing)
    if len(missing) == len(job.schemas):
        names = tongue.say("all files")
    left = (
        tongue.say("{days} left", days=tongue.count(days_left, "day"))
        if days_left > 0
        else tongue.say("today is the last day")
    )
    is_bad = days_left <= URGENT_DAYS or failed
    return Cell(f"{names} ({left}){failed and ', '}{failed}", "bad" if is_bad else "watch")


def _files(result: PullResult, past: Past, tongue: Tongue) -> Section:
    known = {(v.schema, v.day): v for v in volumes(_taken(result), past.loads)}
    # Those that need a person come first, then the newest, should the table be cut.
    files = sorted(
        result.files, key=lambda file: (file.status not in FAILED, -file.day.toordinal())
    )
    several_days = len({file.day for file in files}) > 1
    rows = [(_name(file, tongue, with_day=several_days), *_counts(file, tongue)) for file in files]
    head = tuple(tongue.say(word) for word in ("File", "Rows", "rejected"))
    if any(volume.usual for volume in known.values()):
        usual = [_against_usual(known.get((f.schema, f.day)), tongue) for f in files]
        rows = [(*row, cell) for row, cell in zip(rows, usual, strict=True)]
        head = (*head, tongue.say("of the usual"))
    shown, more = shortened(rows, tongue)
    return Section(tongue.say("Files"), table=Table(head, shown, numeric=(1, 2), more=more))


def _name(file: FileOutcome, tongue: Tongue, *, with_day: bool) -> Cell:
    name = f"{file.schema} {tongue.day(file.day)}" if with_day else file.schema
    if file.status is FileStatus.LOADED:
        return Cell(name)
    return Cell(f"{name}: {tongue.term(str(file.status))}", TONES.get(file.status, "good"))


def _counts(file: FileOutcome, tongue: Tongue) -> tuple[Cell, ...]:
    rejected = file.counts.quarantined
    return (
        Cell(tongue.number(file.counts.loaded)),
        Cell(tongue.number(rejected), "watch" if rejected else "plain"),
    )


def _against_usual(volume: Volume | None, tongue: Tongue) -> Cell:
    """Return a bar that is half full where a day is as usual."""
    if volume is None or volume.share is None:
        return Cell("-")
    full = min(volume.share / TWICE_THE_USUAL, 1.0)
    return Cell(tongue.percent(volume.share), "watch" if volume.is_odd else "plain", full)


def _rejects(result: PullResult, tongue: Tongue) -> Section:
    found = [(file, *reject) for file in result.files for reject in file.rejects]
    found.sort(key=lambda reject: -reject[3])
    most = max((rows for *_, rows in found), default=1)
    rows = [
        (
            Cell(file.schema),
            Cell(f"{column}: {tongue.term(rule)}" if column else tongue.term(rule)),
            Cell(tongue.number(count), "watch", count / most),
        )
        for file, column, rule, count in found
    ]
    shown, more = shortened(rows, tongue)
    head = tuple(map(tongue.say, ("File", "Rule", "Rows")))
    return Section(tongue.say("Rejected rows by rule"), table=Table(head, shown, more=more))


def _mailings(result: PullResult, tongue: Tongue) -> Section:
    latest = result.mailings[:SHOWN_MAILINGS]
    odd = {mailing.mailing_id for mailing, _ in bouncing(result)}
    rows = tuple(
        (
            Cell(str(mailing.mailing_id)),
            Cell(tongue.moment(mailing.started_at)),
            Cell(tongue.number(mailing.recipients)),
            Cell(
                tongue.percent(mailing.bounce_share, 1),
                "bad" if mailing.mailing_id in odd else "plain",
                mailing.bounce_share,
            ),
        )
        for mailing in latest
    )
    head = tuple(map(tongue.say, ("Mailing", "Started", "Recipients", "bounced so far")))
    return Section(tongue.say("Latest mailings"), table=Table(head, rows, numeric=(2,)))


def _notes(report: RunReport, result: PullResult, tongue: Tongue) -> Iterator[str]:
    for file in result.files:
        if file.status is FileStatus.UNREACHABLE:
            yield tongue.say(
                "{name} could not be fetched, the next run tries again: {why}",
                name=file.name,
                why=_detail(file),
            )
        yield from (f"{file.name}: {warning}" for warning in file.warnings)
    yield from report.notes
    if result.ignored:
        yield tongue.say("left alone in the folder: {n}", n=tongue.count(result.ignored, "file"))
