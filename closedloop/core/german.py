"""The letters' words in German, by the program's English."""

NOUNS = {
    "file": ("Datei", "Dateien"),
    "row": ("Zeile", "Zeilen"),
    "recipient": ("Empfänger", "Empfänger"),
    "day": ("Tag", "Tage"),
    "hour": ("Stunde", "Stunden"),
    "minute": ("Minute", "Minuten"),
    "open error": ("offener Fehler", "offene Fehler"),
}

WORDS = {
    # verdicts
    "All well": "Alles in Ordnung",
    "Please look": "Bitte ansehen",
    "Please act": "Bitte handeln",
    "On its way": "Unterwegs",
    "Suspended": "Angehalten",
    "Recovered": "Läuft wieder",
    # subjects and figures
    "{n} rejected": "{n} abgewiesen",
    "{n} failed": "{n} gescheitert",
    "{n} missing": "{n} fehlen",
    "{n} refused earlier": "{n} früher nicht angenommen",
    "{n} mailed twice": "{n} doppelt versandt",
    "{n} not seen": "{n} nicht gesehen",
    "nothing new": "nichts Neues",
    "{n} dropped": "{n} ausgelassen",
    "{first} to {last}": "{first} bis {last}",
    "the platform's import has halted": "der Import der Plattform steht",
    "the platform's import halted": "Import der Plattform angehalten",
    "nobody to mail, nothing was sent": "niemand anzuschreiben, nichts versandt",
    "TEST, ": "TEST, ",
    "SUSPENDED": "ANGEHALTEN",
    "recovered": "läuft wieder",
    "see restart": "siehe restart",
    "was: {what}": "zuvor: {what}",
    "until it was over": "bis es vorbei war",
    "files taken in": "Dateien geladen",
    "rows loaded": "Zeilen geladen",
    "rejected": "abgewiesen",
    "files missing": "Dateien fehlen",
    "failed": "gescheitert",
    "selected": "ausgewählt",
    "dropped": "ausgelassen",
    "written": "geschrieben",
    "at this stage": "bei diesem Schritt",
    "recipients": "Empfänger",
    "files": "Dateien",
    # sections and heads of tables
    "What to do": "Was zu tun ist",
    "What happened": "Was geschehen ist",
    "The error was": "Der Fehler war",
    "Not as usual": "Anders als sonst",
    "Deliveries": "Lieferungen",
    "Files": "Dateien",
    "Rejected rows by rule": "Abgewiesene Zeilen nach Regel",
    "Latest mailings": "Letzte Mailings",
    "Recipients": "Empfänger",
    "The wave": "Die Welle",
    "The latest waves of this job": "Die letzten Wellen dieses Jobs",
    "Details": "Einzelheiten",
    "Notes": "Hinweise",
    "Day": "Tag",
    "here / expected": "da / erwartet",
    "Missing": "Es fehlen",
    "File": "Datei",
    "Rows": "Zeilen",
    "of the usual": "vom Üblichen",
    "Rule": "Regel",
    "Mailing": "Mailing",
    "Started": "Beginn",
    "bounced so far": "Bounces bisher",
    "Wave": "Welle",
    "Waves": "Wellen",
    "seen": "gesehen",
    "imported": "importiert",
    "To the soft bounces of": "An die Softbounces von",
    "Source mailing": "Quellmailing",
    "Slot": "Termin",
    "Published": "Übergeben",
    "The platform's error file": "Fehlerdatei der Plattform",
    "Done": "Erledigt",
    "Left": "Noch offen",
    # what to do
    "All jobs at a glance:": "Alle Jobs auf einen Blick:",
    "What is open, and what a restart would do:": "Was offen ist und was ein Neustart täte:",
    "Nothing now. Whether the wave was seen in the response data:": (
        "Jetzt nichts. Ob die Welle in den Response-Daten gesehen wurde:"
    ),
    "{name} was refused: {why}": "{name} wurde nicht angenommen: {why}",
    "To see the rejected rows and take in corrected ones:": (
        "Um die abgewiesenen Zeilen zu sehen und berichtigte zu laden:"
    ),
    "Ask the platform for the missing files; what is missing now:": (
        "Die fehlenden Dateien bei der Plattform anfordern; was jetzt fehlt:"
    ),
    "{name} waits, refused earlier": "{name} wartet, früher nicht angenommen",
    "The platform left {name}: it imports nothing more of this client until its support has cleared that. Ask "
    "it what became of the wave, if it is about one.": (
        "Die Plattform hat {name} abgelegt: Sie importiert für diesen Mandanten nichts mehr, bis ihr Support das geklärt "
        "hat. Dort fragen, was aus der Welle wurde, wenn es um eine geht."
    ),
    "Look at the job's selection; who would be mailed, who not and why:": (
        "Die Selektion des Jobs prüfen; wer angeschrieben würde, wer nicht und warum:"
    ),
    "Once that is mended; no retry does it by itself:": (
        "Sobald das behoben ist; von selbst holt das kein Lauf nach:"
    ),
    # sentences
    "This wave has {n} recipients, usually there are {usual}.": (
        "Diese Welle hat {n} Empfänger, üblich sind {usual}."
    ),
    "{schema} of {day}: {rows}, usually {usual} on this weekday": (
        "{schema} vom {day}: {rows}, an diesem Wochentag sonst {usual}"
    ),
    "Mailing {id} of {day}: {share} bounced, usually {usual}": (
        "Mailing {id} vom {day}: {share} Bounces, sonst {usual}"
    ),
    "{name} could not be fetched, the next run tries again: {why}": (
        "{name} war nicht abrufbar, der nächste Lauf versucht es wieder: {why}"
    ),
    "left alone in the folder: {n}": "im Ordner nicht beachtet: {n}",
    "and {n} more": "und {n} weitere",
    "all files": "alle Dateien",
    "{days} left": "noch {days}",
    "today is the last day": "heute ist der letzte Tag",
    "Run {run}, {time}, {seconds} s": "Lauf {run}, {time}, {seconds} s",
    "Error file {name}, run {run}, {time}": "Fehlerdatei {name}, Lauf {run}, {time}",
    "Since {since}, for {lasted}.": "Seit {since}, Dauer: {lasted}.",
    "Wave {wave}: {written} written, {seen} seen, {missed} not seen (mailing {mailing})": (
        "Welle {wave}: {written} geschrieben, {seen} gesehen, {missed} nicht gesehen (Mailing {mailing})"
    ),
    "Wave {wave}: {written} written, imported by what the platform's import log says, not yet seen in the response data": (
        "Welle {wave}: {written} geschrieben, laut Importprotokoll der Plattform importiert, in den Response-Daten noch nicht gesehen"
    ),
    "Wave {wave} was mailed twice: {n} mailings carry its WELLE_ID. Ask the platform's support how that came about before "
    "the next wave goes out.": (
        "Welle {wave} wurde doppelt versandt: {n} Mailings tragen ihre WELLE_ID. Vor der nächsten Welle beim Support der "
        "Plattform klären, wie es dazu kam."
    ),
    "Wave {wave} ({recipients}) went out {n} days ago, and no response data shows it: look for {file} in the platform's list "
    "of mailings, or ask its support.": (
        "Welle {wave} ({recipients}) ging vor {n} Tagen hinaus, und kein Response zeigt sie: {file} in der Mailingliste der "
        "Plattform suchen oder deren Support fragen."
    ),
    # suspension
    "failed at the stage '{stage}'": "gescheitert beim Schritt „{stage}“",
    "a bug of closedloop": "ein Fehler in closedloop selbst",
    "files refused": "Dateien nicht angenommen",
    "log-in refused": "Anmeldung abgelehnt",
    "rename outcome unknown": "Ausgang der Umbenennung unbekannt",
    "a wave that the ledger does not know": "eine Welle, die das Ledger nicht kennt",
    "Nothing rests: the next run tries again.": "Nichts ruht: Der nächste Lauf versucht es wieder.",
    "Only the files named below rest; all others are taken in as ever.": (
        "Nur die unten genannten Dateien ruhen; alle anderen werden geladen wie immer."
    ),
    "The job {job} rests until this is resolved.": "Der Job {job} ruht, bis das gelöst ist.",
    "All sends of the client {client} rest until this is resolved.": (
        "Alle Aussendungen des Mandanten {client} ruhen, bis das gelöst ist."
    ),
    "All jobs of the client {client} rest until this is resolved, so that the account is not locked.": (
        "Alle Jobs des Mandanten {client} ruhen, bis das gelöst ist, damit das Konto nicht gesperrt wird."
    ),
    "It was tried again, and went well.": "Es wurde wiederholt und ging gut.",
    "A person said that the wave was sent (--assume-sent).": (
        "Jemand hat festgestellt, dass die Welle versandt wurde (--assume-sent)."
    ),
    "A person said that the wave was not sent (--resend): it is sent anew.": (
        "Jemand hat festgestellt, dass die Welle nicht versandt wurde (--resend): Sie geht neu hinaus."
    ),
    "The cause is gone by itself.": "Die Ursache ist von selbst verschwunden.",
    "A person said that the platform's support has cleared it.": (
        "Jemand hat festgestellt, dass der Support der Plattform es geklärt hat."
    ),
    "The platform's error file is gone: its support has cleared it.": (
        "Die Fehlerdatei der Plattform ist weg: Ihr Support hat es geklärt."
    ),
    "Send this slot's wave, if it has had none yet:": (
        "Die Welle dieses Termins versenden, falls es noch keine gab:"
    ),
    # what an error file advises
    "to see what a restart would do; nothing is done": "Um zu sehen, was ein Neustart täte; es geschieht nichts",
    "once the cause is mended": "Wenn die Ursache behoben ist",
    "after an update of closedloop, or if you take it for a passing fault": (
        "Nach einer Aktualisierung von closedloop, oder wenn es nach einer vorübergehenden Störung aussieht"
    ),
    "once the schema is mended, or the platform has answered": (
        "Wenn das Schema berichtigt ist oder die Plattform geantwortet hat"
    ),
    "once user and key or password are those that the platform's support has": (
        "Wenn Benutzer und Schlüssel oder Passwort die sind, die der Support der Plattform kennt"
    ),
    "the platform's list of mailings, its status mail or its support says that the wave was imported": (
        "Wenn die Mailingliste der Plattform, ihre Statusmail oder ihr Support sagt, dass die Welle importiert wurde"
    ),
    "they say that it was not: the same content goes out under a new name": (
        "Wenn sie sagen, dass nicht: derselbe Inhalt geht unter neuem Namen hinaus"
    ),
    "the copy is this slot's wave, sent before the ledger was lost or restored": (
        "Wenn die Kopie die Welle dieses Termins ist, versandt bevor das Ledger verloren ging oder zurückgespielt wurde"
    ),
    "it is another one, or was never sent: a wave is selected and sent now": (
        "Wenn es eine andere ist oder sie nie versandt wurde: jetzt wird eine Welle ausgewählt und versandt"
    ),
    "the import went well and only the trigger failed: support triggers it, never upload again": (
        "Wenn der Import gut ging und nur der Auslöser scheiterte: der Support löst aus, nie noch einmal hochladen"
    ),
    "the import failed and nobody was mailed: the same content goes out under a new name, as the same wave": (
        "Wenn der Import scheiterte und niemand angeschrieben wurde: derselbe Inhalt geht unter neuem Namen hinaus, als dieselbe "
        "Welle"
    ),
    "once its support has cleared it and the file is gone (each run looks, too)": (
        "Wenn ihr Support es geklärt hat und die Datei weg ist (jeder Lauf sieht auch selbst nach)"
    ),
    "its support says that it is cleared, but the file stays": (
        "Wenn ihr Support sagt, es sei geklärt, die Datei aber liegen bleibt"
    ),
    # what became of a file, how far a wave came, the stages
    "loaded": "geladen",
    "restated": "ersetzt",
    "reloaded": "neu geladen",
    "still being written": "wird noch geschrieben",
    "refused": "nicht angenommen",
    "unreachable": "nicht abrufbar",
    "built": "erstellt",
    "staged": "hochgeladen",
    "publishing": "wird übergeben",
    "published": "übergeben",
    "confirmed": "bestätigt",
    "unknown": "unbekannt",
    "settle": "Klären",
    "select": "Auswählen",
    "write": "Schreiben",
    "stage": "Hochladen",
    "publish": "Übergeben",
    "confirm": "Bestätigen",
    "list": "Auflisten",
    "fetch": "Abholen",
    "check": "Prüfen",
    "load": "Laden",
    "archive": "Archivieren",
    # reasons for which nobody is mailed
    "duplicate": "doppelt",
    "unsubscribed": "abgemeldet",
    "bounced": "zu viele Bounces",
    "blocklisted": "auf der Sperrliste",
    "forgotten": "gelöscht auf Wunsch",
    "no consent": "keine Einwilligung",
    "missing address": "Adresse fehlt",
    "invalid address": "Adresse ungültig",
    # rules
    "missing": "fehlt",
    "not a whole number": "keine ganze Zahl",
    "not a whole number of 64 bits": "keine ganze Zahl mit 64 Bit",
    "outside int64": "Zahl zu groß",
    "a local time that the clocks skip": "Ortszeit, die es nicht gab",
    "outside the years 1 to 9999": "außerhalb der Jahre 1 bis 9999",
    "holds a NUL or control character": "enthält ein Steuerzeichen",
    "holds a control character or line break": "enthält ein Steuerzeichen oder einen Zeilenumbruch",
    "holds fractions of a second": "enthält Bruchteile einer Sekunde",
    "not a number": "keine Zahl",
    "not an e-mail address": "keine E-Mail-Adresse",
    "finished before it started": "Ende vor dem Beginn",
    "delivery status does not fit the sending status": "Zustellstatus passt nicht zum Versandstatus",
    "text after a closing quote": "Text nach schließendem Anführungszeichen",
    "bare carriage return": "einzelner Wagenrücklauf",
    "quote not closed": "Anführungszeichen nicht geschlossen",
    "not UTF-8": "kein UTF-8",
}

PATTERNS = {
    "it can't be known whether the platform took (.+): the server gave no clear answer, and its folder does not tell": (
        "Ob die Plattform {} übernommen hat, ist nicht bekannt: Der Server gab keine klare Antwort, und sein Ordner "
        "verrät es nicht."
    ),
    "the platform left (.+) in its errors folder: it imports nothing more of this client": (
        "Die Plattform hat {} in ihrem Fehlerordner abgelegt: Sie importiert für diesen Mandanten nichts mehr."
    ),
    "the platform left (.+) in its errors folder: it imports nothing more of this client until its support has cleared that; "
    "it names no wave of ours": (
        "Die Plattform hat {} in ihrem Fehlerordner abgelegt: Sie importiert für diesen Mandanten nichts mehr, bis ihr Support "
        "das geklärt hat. Die Datei nennt keine unserer Wellen."
    ),
    "longer than (.+) characters": "länger als {} Zeichen",
    "longer than (.+) bytes": "länger als {} Bytes",
    "not one of (.+)": "keines von {}",
    "not a timestamp like (.+)": "keine Zeit wie {}",
    "([0-9]+) fields? where ([0-9]+) are expected": "{} Felder, wo {} erwartet werden",
}
"""Terms that hold a value."""
