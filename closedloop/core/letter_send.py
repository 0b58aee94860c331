"""The letter about a wave: who was selected, dropped and why, written, and seen."""

from collections.abc import Sequence

from closedloop.core.letter_frame import footer, subject
from closedloop.core.letter_waves import wave_table
from closedloop.core.past import Past
from closedloop.core.tongue import Tongue
from closedloop.core.usual import earlier_waves, is_odd_wave, usual_wave
from closedloop.model.letter import Cell, Figure, Letter, Section, Step, Table, Tone
from closedloop.model.run import RunReport, SendResult
from closedloop.model.wave import Wave


def send_letter(report: RunReport, result: SendResult, past: Past, tongue: Tongue) -> Letter:
    """Return the letter about a wave that was sent, or about a selection that left nobody to mail."""
    wave = result.wave
    day = tongue.day(report.started.astimezone(tongue.zone).date())
    earlier = earlier_waves(wave, past.waves) if wave else []
    is_sent = result.outcome == "sent"
    tone = _tone(report, result, earlier)
    verdicts = {"good": "On its way", "watch": "Please look", "bad": "Please act"}
    sections = [
        *([_funnel(wave, tongue)] if wave else []),
        *([_wave(wave, tongue), _latest(wave, earlier, tongue)] if is_sent and wave else []),
        *([Section(tongue.say("Notes"), sentences=report.notes)] if report.notes else []),
    ]
    return Letter(
        subject=subject(report.client, report.job, f"{day}: {_summary(result, tongue)}"),
        language=tongue.language,
        written=report.finished,
        tone=tone,
        verdict=tongue.say(verdicts[tone]),
        headline=f"{report.client} {report.job} · {day}",
        figures=_figures(wave, tongue),
        sections=(_to_do(report, result, earlier, tongue), *sections),
        footer=footer(report, tongue),
    )


def _tone(report: RunReport, result: SendResult, earlier: Sequence[Wave]) -> Tone:
    if result.wave is None or result.outcome != "sent":
        return "bad"
    odd = is_odd_wave(result.wave, usual_wave(earlier))
    return "watch" if odd or report.notes else "good"


def _summary(result: SendResult, tongue: Tongue) -> str:
    wave = result.wave
    if wave is None or result.outcome != "sent":
        return tongue.say("nobody to mail, nothing was sent")
    dropped = tongue.say("{n} dropped", n=sum(wave.dropped.values()))
    test = tongue.say("TEST, ") if wave.test else ""
    return f"{test}{tongue.count(wave.written, 'recipient')}, {dropped}"


def _figures(wave: Wave | None, tongue: Tongue) -> tuple[Figure, ...]:
    if wave is None:
        return (Figure("0", tongue.say("selected"), "bad"),)
    return (
        Figure(tongue.number(wave.selected), tongue.say("selected")),
        Figure(tongue.number(sum(wave.dropped.values())), tongue.say("dropped")),
        Figure(
            tongue.number(wave.written), tongue.say("written"), "good" if wave.written else "bad"
        ),
    )


def _to_do(
    report: RunReport, result: SendResult, earlier: Sequence[Wave], tongue: Tongue
) -> Section:
    if result.outcome != "sent" or result.wave is None:
        when = tongue.say("Look at the job's selection; who would be mailed, who not and why:")
        again = tongue.say("Once that is mended; no retry does it by itself:")
        steps = (
            Step(when, f"closedloop run {report.job} --dry-run"),
            Step(again, f"closedloop run {report.job}"),
        )
        return Section(tongue.say("What to do"), steps=steps)
    sentences = []
    usual = usual_wave(earlier)
    if usual and is_odd_wave(result.wave, usual):
        sentences.append(
            tongue.say(
                "This wave has {n} recipients, usually there are {usual}.",
                n=result.wave.written,
                usual=usual,
            )
        )
    when = tongue.say("Nothing now. Whether the wave was seen in the response data:")
    return Section(
        tongue.say("What to do"), tuple(sentences), steps=(Step(when, "closedloop status"),)
    )


def _funnel(wave: Wave, tongue: Tongue) -> Section:
    """Return the selection as bars: all of it, each reason, what is left."""
    whole = wave.selected or 1
    rows: list[tuple[str, int, Tone]] = [(tongue.say("selected"), wave.selected, "plain")]
    rows += [(f"- {tongue.term(reason)}", n, "watch") for reason, n in wave.dropped.items()]
    rows.append((f"= {tongue.say('written')}", wave.written, "good"))
    cells = tuple(_bar(label, count, count / whole, tone, tongue) for label, count, tone in rows)
    return Section(tongue.say("Recipients"), table=Table(("", ""), cells))


def _bar(label: str, count: int, share: float, tone: Tone, tongue: Tongue) -> tuple[Cell, Cell]:
    return Cell(label), Cell(tongue.number(count), tone, share)


def _wave(wave: Wave, tongue: Tongue) -> Section:
    rows = [
        (tongue.say("Wave"), str(wave.wave_id)),
        (tongue.say("Source mailing"), str(wave.source_mailing)),
        (tongue.say("File"), wave.file),
    ]
    if wave.slot:
        rows.append((tongue.say("Slot"), tongue.moment(wave.slot)))
    if wave.published_at:
        rows.append((tongue.say("Published"), tongue.moment(wave.published_at)))
    if wave.resend_of:
        rows.append((tongue.say("To the soft bounces of"), str(wave.resend_of)))
    cells = tuple((Cell(label), Cell(value)) for label, value in rows)
    return Section(tongue.say("The wave"), table=Table(("", ""), cells))


def _latest(wave: Wave, earlier: Sequence[Wave], tongue: Tongue) -> Section:
    table = wave_table([wave, *earlier], tongue)
    return Section(tongue.say("The latest waves of this job"), table=table)
