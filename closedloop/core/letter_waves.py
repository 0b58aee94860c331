"""The waves in a letter: how many were written, how many of them were seen."""

from collections.abc import Iterator, Sequence

from closedloop.core.confirm import days_since
from closedloop.core.tongue import Tongue
from closedloop.model.letter import Cell, Section, Table
from closedloop.model.run import PullResult, RunReport
from closedloop.model.wave import Wave, WaveState

SHOWN_WAVES = 6


def wave_table(waves: Sequence[Wave], tongue: Tongue) -> Table:
    """Return waves with the rows written and those seen; of an unseen one, how far it came."""
    shown = waves[:SHOWN_WAVES]
    most = max((wave.written for wave in shown), default=0) or 1
    rows = tuple(
        (
            Cell(str(wave.wave_id)),
            Cell(tongue.number(wave.written), "plain", wave.written / most),
            _seen(wave, most, tongue),
        )
        for wave in shown
    )
    return Table(tuple(map(tongue.say, ("Wave", "written", "seen"))), rows)


def seen_waves(result: PullResult, tongue: Tongue) -> Section:
    """Return the waves that a pull found to be mailed, or imported."""
    sentences = [
        tongue.say(
            "Wave {wave}: {written} written, {seen} seen, {missed} not seen (mailing {mailing})",
            wave=str(wave.wave_id),
            written=wave.written,
            seen=wave.seen,
            missed=max(0, wave.written - wave.seen),
            mailing=str(wave.mailing_id),
        )
        for wave in result.waves
        if wave.seen is not None
    ]
    sentences += [
        tongue.say(
            "Wave {wave}: {written} written, imported by what the platform's import log says, not yet seen in the response data",
            wave=str(wave.wave_id),
            written=wave.written,
        )
        for wave in result.waves
        if _is_imported(wave)
    ]
    table = wave_table(result.waves, tongue) if result.waves else None
    return Section(tongue.say("Waves"), tuple(sentences), table)


def wave_troubles(report: RunReport, result: PullResult, tongue: Tongue) -> Iterator[str]:
    """Yield a sentence for each wave that was mailed twice, or that nobody has seen."""
    for wave in result.waves:
        if wave.mailings > 1:
            yield tongue.say(
                "Wave {wave} was mailed twice: {n} mailings carry its WELLE_ID. Ask the platform's support how that came "
                "about before the next wave goes out.",
                wave=str(wave.wave_id),
                n=wave.mailings,
            )
    for wave in result.unseen:
        yield tongue.say(
            "Wave {wave} ({recipients}) went out {n} days ago, and no response data shows it: look for {file} in the "
            "platform's list of mailings, or ask its support.",
            wave=str(wave.wave_id),
            recipients=tongue.count(wave.written, "recipient"),
            n=days_since(wave, report.started),
            file=wave.file,
        )


def _is_imported(wave: Wave) -> bool:
    """Say whether a wave is known from the import log alone: nobody has seen that it was mailed."""
    return wave.seen is None and wave.state is WaveState.CONFIRMED


def _seen(wave: Wave, most: int, tongue: Tongue) -> Cell:
    if _is_imported(wave):
        return Cell(tongue.say("imported"))
    if wave.seen is None:
        return Cell(tongue.term(str(wave.state)))
    return Cell(tongue.number(wave.seen), "good", min(1.0, wave.seen / most))
