"""The words for what records name by a key: kinds, states, causes of locks, what frees them."""

from typing import Final

from bouncegate.admin.words.language import Language, Said, Text
from bouncegate.admin.words.reasons import reason_words
from bouncegate.config.taxonomy import Reason

TEXTS: Final[dict[str, Text]] = {
    # Kinds, as reports call them.
    "kind.hard": Text("Hard", "Hard"),
    "kind.soft": Text("Soft", "Soft"),
    "kind.blocked": Text("Blocked", "Blockiert"),
    "kind.complaint": Text("Complaint", "Beschwerde"),
    "kind.none": Text("None", "Keine"),
    # What a failure concerns.
    "category.address": Text("Address", "Adresse"),
    "category.security": Text("Security", "Sicherheit"),
    "category.undefined": Text("Undefined", "Unbestimmt"),
    "category.mailbox": Text("Mailbox", "Postfach"),
    "category.network": Text("Network", "Netz"),
    "category.limit": Text("Limit", "Begrenzung"),
    # Who has to act.
    "blame.recipient": Text("The recipient", "Der Empfänger"),
    "blame.path": Text("The way to the recipient", "Der Weg zum Empfänger"),
    "blame.sender": Text("Us: the sender or the message", "Wir: Absender oder Nachricht"),
    "blame.nobody": Text("Nobody", "Niemand"),
    # Who made a lock.
    "origin.automatic": Text("By bounces", "Durch Bounces"),
    "origin.manual": Text("By hand", "Von Hand"),
    "origin.imported": Text("Imported", "Importiert"),
    # What is true of an address, or of a row.
    "state.locked": Text("Locked", "Gesperrt"),
    "state.ended": Text("Lock ended", "Sperre abgelaufen"),
    "state.detected": Text("Bounces count, not locked", "Bounces zählen, nicht gesperrt"),
    "state.bounced": Text("Bounced, nothing counts", "Gebounct, nichts zählt"),
    "state.predicted": Text("Bounce predicted", "Bounce zu erwarten"),
    "state.invalid": Text("Invalid", "Ungültig"),
    "state.stale": Text("Not mailed for long", "Lange nicht angeschrieben"),
    "state.free": Text("Known, no bounce", "Bekannt, kein Bounce"),
    "state.unknown": Text("Nothing is known", "Nichts bekannt"),
    # What an entry of the journal did, or why it did nothing.
    "effect.locked": Text("Locked the address", "Hat die Adresse gesperrt"),
    "effect.counted": Text("Counted", "Gezählt"),
    "effect.needs-another-day": Text(
        "Locks with a second one from another day", "Sperrt mit einem zweiten von einem anderen Tag"
    ),
    "effect.locked-already": Text("Counted, locked already", "Gezählt, schon gesperrt"),
    "effect.unlocked": Text("Unlocked", "Entsperrt"),
    "effect.alive": Text("Sign of life", "Lebenszeichen"),
    "effect.released": Text("Released", "Freigegeben"),
    "effect.corrected": Text("Corrected", "Korrigiert"),
    "effect.renewed": Text("Renewed", "Verlängert"),
    "effect.recovered": Text("Domain takes mail again", "Domain nimmt wieder Mail an"),
    "effect.delivered": Text("Delivered", "Zugestellt"),
    "effect.summarized": Text(
        "Summary of older entries", "Zusammenfassung älterer Einträge"
    ),
    "effect.void": Text("Void: undone by an operator", "Ungültig: zurückgenommen"),
    "effect.held": Text("Held back by an incident", "Durch einen Vorfall zurückgehalten"),
    "effect.unconfirmed": Text("Waits for DNS", "Wartet auf DNS"),
    "effect.no-failure": Text("Not a failure", "Kein Fehler"),
    "effect.own-refusal": Text("Our own refusal", "Eigene Ablehnung"),
    "effect.unverified": Text("Not proven to be about our mail", "Nicht als unsere Mail erwiesen"),
    "effect.sender-to-blame": Text("We are to blame, not the address", "Liegt an uns"),
    "effect.message-to-blame": Text("The message is to blame", "Liegt an der Nachricht"),
    "effect.never-locks": Text("Never locks, by the rules", "Sperrt nie, laut Regeln"),
    "effect.delivered-since": Text("Delivered since", "Seitdem zugestellt"),
    "effect.same-day": Text("Same day as the one before", "Am selben Tag wie der vorige"),
    # Which mail a lock stops.
    "scope.global": Text("All mail", "Alle Mail"),
    "scope.group": Text("Only for group {group}", "Nur für Gruppe {group}"),
    # Why it is locked.
    "cause.bounce": Text("Locked after bounces: {reason}", "Nach Bounces gesperrt: {reason}"),
    "cause.complaint": Text("Locked after a complaint", "Nach einer Beschwerde gesperrt"),
    "cause.unsubscribed": Text(
        "Locked after an unsubscription", "Gesperrt nach einer Abmeldung"
    ),
    "cause.manual": Text("Locked by hand", "Von Hand gesperrt"),
    "cause.imported": Text("Imported as locked: {reason}", "Als gesperrt importiert: {reason}"),
    "cause.domain": Text(
        "Its domain takes no mail: {reason}", "Ihre Domain nimmt keine Mail an: {reason}"
    ),
    "cause.list": Text("Locked by a list: {reason}", "Durch eine Liste gesperrt: {reason}"),
    # What would free it.
    "frees.end": Text("The lock ends by itself", "Die Sperre endet von selbst"),
    "frees.leaves-list": Text(
        "The address leaves the list", "Die Adresse kommt von der Liste herunter"
    ),
    "frees.delivery": Text(
        "A delivery turns out to lie between its failures",
        "Eine Zustellung liegt, wie sich zeigt, zwischen ihren Fehlern",
    ),
    "frees.alive": Text(
        "The person reacts: opens, clicks or replies",
        "Die Person reagiert: öffnet, klickt oder antwortet",
    ),
    "frees.unlock": Text("Somebody unlocks it", "Jemand entsperrt sie"),
    "frees.unlock-force": Text(
        "Somebody with the right to lift hard locks and complaints unlocks it",
        "Jemand mit dem Recht für harte Sperren und Beschwerden entsperrt sie",
    ),
    # Which right a lock needs to be lifted.
    "right.soft": Text("soft", "soft"),
    "right.hard": Text("hard: nobody is there", "hard: dort ist niemand"),
    "right.manual": Text("by hand or imported", "von Hand oder importiert"),
    "right.complaint": Text(
        "complaint: the person wants no mail", "Beschwerde: die Person will keine Mail"
    ),
    # What was asked for and cannot be.
    "fault.time": Text(
        "“{text}” is no time: write a day such as 2027-01-31, or how long ago, such as 7 days",
        "„{text}“ ist keine Zeit: einen Tag wie 2027-01-31 schreiben oder, wie lange her: 7 days",
    ),
    "fault.end": Text(
        "“{text}” is no end: write a day such as 2027-01-31, or how long, such as 6 months",
        "„{text}“ ist kein Ende: einen Tag wie 2027-01-31 schreiben oder, wie lange: 6 months",
    ),
    "fault.past": Text(
        "“{text}” must be in the future, and before the year 2106",
        "„{text}“ muss in der Zukunft liegen, und vor dem Jahr 2106",
    ),
    "fault.period": Text(
        "The first day must be before the last", "Der erste Tag muss vor dem letzten liegen"
    ),
    "fault.address": Text("“{text}” is no address", "„{text}“ ist keine Adresse"),
    "fault.domain": Text("“{text}” is no domain", "„{text}“ ist keine Domain"),
}  # fmt: skip


def say(key: str, language: Language, **values: object) -> str:
    """The words of a key; raises KeyError."""
    return TEXTS[key].say(language, **values)


def told(said: Said, language: Language) -> str:
    """The words of what is to be told; reasons by their titles."""
    values = {
        name: reason_words(value, language).title if isinstance(value, Reason) else value
        for name, value in said.values.items()
    }
    return say(said.key, language, **values)
