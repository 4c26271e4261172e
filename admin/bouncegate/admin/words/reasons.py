"""The reasons of bounces in words: a short title in both languages, meaning and advice in German.

The English meaning and advice are those of `bouncegate.config.reasons`, which the command shows.
"""

from typing import Final, NamedTuple

from bouncegate.admin.words.language import Language
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason


class ReasonWords(NamedTuple):
    """What people are told of a reason."""

    title: str
    """A few words, for a cell of a table."""
    meaning: str
    """A sentence without its capital and full stop."""
    advice: str


def reason_words(reason: Reason, language: Language) -> ReasonWords:
    """The words of a reason."""
    english, german, meaning, advice = _WORDS[reason]
    if language == "de":
        return ReasonWords(german, meaning, advice)
    return ReasonWords(english, REASONS[reason].meaning, REASONS[reason].advice)


_LATER: Final = "Später noch einmal versuchen."
_OTHER_WAY: Final = "Die Person auf anderem Weg nach einer aktuellen Adresse fragen."
_TYPO: Final = "Hinter dem @ nach einem Tippfehler suchen."
_OFF: Final = "Die Adresse aus dem Verteiler nehmen."
_SMTP_LOG: Final = "Den SMTP-Dialog im Log des sendenden Servers ansehen."
_DELIST: Final = (
    "Die in der Antwort genannte Liste suchen, die Ursache beheben, dann die Streichung beantragen."
)

_WORDS: Final[dict[Reason, tuple[str, str, str, str]]] = {
    Reason.USER_UNKNOWN: (
        "No such mailbox", "Empfänger unbekannt",
        "das System des Empfängers kennt dieses Postfach nicht",
        "Die Adresse berichtigen oder aus dem Verteiler nehmen.",
    ),
    Reason.MAILBOX_DISABLED: (
        "Mailbox closed", "Postfach stillgelegt",
        "das Postfach gibt es, aber es ist geschlossen, gesperrt oder aufgegeben",
        _OTHER_WAY,
    ),
    Reason.MAILBOX_MOVED: (
        "Recipient has moved", "Empfänger umgezogen",
        "der Empfänger hat jetzt eine andere Adresse",
        "An die neue Adresse schreiben, wenn die Antwort eine nennt und die Person zustimmt.",
    ),
    Reason.HOST_UNKNOWN: (
        "No such domain", "Domain unbekannt", "die Domain der Adresse gibt es nicht", _TYPO,
    ),
    Reason.NO_MX: (
        "Domain takes no mail", "Domain nimmt keine Mail an",
        "die Domain gibt es, aber sie nennt keinen Server, der Mail annimmt",
        "Hinter dem @ nach einem Tippfehler suchen; die Domain nimmt keine Mail an.",
    ),
    Reason.MAILBOX_FULL: (
        "Mailbox full", "Postfach voll",
        "das Postfach hat seinen Speicherplatz aufgebraucht",
        "Später noch einmal versuchen; was voll bleibt, wird nicht mehr gelesen.",
    ),
    Reason.MESSAGE_TOO_LARGE: (
        "Message too large", "Nachricht zu groß",
        "die Nachricht ist größer, als der Empfänger oder sein System annimmt",
        "Eine kleinere Nachricht senden und große Dateien verlinken.",
    ),
    Reason.NO_ANSWER: (
        "Server does not answer", "Server antwortet nicht",
        "kein Server der Domain des Empfängers hat geantwortet",
        "Später noch einmal versuchen; an der Adresse selbst ist nichts falsch.",
    ),
    Reason.CONNECTION_BROKEN: (
        "Connection broke", "Verbindung abgebrochen",
        "die Verbindung brach ab, bevor der Server die Nachricht angenommen hatte",
        _LATER,
    ),
    Reason.PROTOCOL_ERROR: (
        "SMTP misunderstood", "SMTP-Fehler",
        "die beiden Server haben sich in SMTP nicht verstanden",
        _SMTP_LOG,
    ),
    Reason.ROUTING_ERROR: (
        "Cannot be routed", "Kein Weg zum Ziel",
        "die Nachricht fand keinen Weg oder lief im Kreis",
        "Der Administrator des Empfängers muss den Weg berichtigen.",
    ),
    Reason.SERVER_MISCONFIGURED: (
        "Server misconfigured", "Server falsch eingerichtet",
        "ein Server unterwegs ist falsch eingerichtet und weist etwa seine eigene Domain ab",
        "Dem Administrator des Servers Bescheid geben, den die Antwort nennt.",
    ),
    Reason.SYSTEM_ERROR: (
        "Error at the recipient", "Störung beim Empfänger",
        "das System des Empfängers hatte selbst einen Fehler, etwa eine volle Platte",
        _LATER,
    ),
    Reason.CONTENT_BLOCKED: (
        "Content refused", "Inhalt abgelehnt",
        "der Inhalt wurde abgelehnt: eine Kopfzeile, ein Anhang, ein Link, die Form",
        "Ändern, was die Antwort beanstandet.",
    ),
    Reason.SPAM_BLOCK: (
        "Taken for spam", "Als Spam abgelehnt",
        "die Nachricht wurde für Spam gehalten",
        "Den Inhalt prüfen, und ob die Empfänger ihn bestellt haben.",
    ),
    Reason.REPUTATION: (
        "Bad reputation", "Schlechter Ruf des Absenders",
        "die sendende Adresse oder Domain steht auf einer Sperrliste oder hat einen schlechten Ruf",
        _DELIST,
    ),
    Reason.SENDER_INVALID: (
        "Sender refused", "Absender abgelehnt",
        "der Absender wurde abgelehnt: Adresse, SPF, DKIM, DMARC oder Rückwärtsauflösung",
        "Die DNS-Einträge der sendenden Domain und den Rückwärtsnamen des Servers prüfen.",
    ),
    Reason.TLS_REQUIRED: (
        "Encryption required", "Verschlüsselung verlangt",
        "das System des Empfängers verlangt Verschlüsselung, die die Verbindung nicht hatte",
        "Den sendenden Server zu dieser Domain TLS verwenden lassen.",
    ),
    Reason.ACCESS_DENIED: (
        "Not admitted", "Zugang verweigert",
        "dieser Absender darf dem Empfänger nicht schreiben, oder eine Anmeldung wird verlangt",
        "Den Empfänger bitten, den Absender zuzulassen.",
    ),
    Reason.RATE_LIMIT: (
        "Sent too fast", "Zu schnell gesendet",
        "zu viele Nachrichten, Empfänger oder Verbindungen in zu kurzer Zeit",
        "An diesen Anbieter langsamer senden.",
    ),
    Reason.GREYLISTED: (
        "Greylisted", "Greylisting",
        "das System des Empfängers will die Nachricht später noch einmal bekommen",
        "Die Queue warten lassen; gelingt es nie, wechselt die sendende IP-Adresse zu oft.",
    ),
    Reason.EXPIRED: (
        "Gave up after many attempts", "Nach vielen Versuchen aufgegeben",
        "die Nachricht wartete in einer Queue, bis ihre Zeit um war",
        "Im Log nachsehen, warum die früheren Versuche scheiterten.",
    ),
    Reason.POLICY: (
        "Against a policy", "Gegen eine Richtlinie",
        "eine Richtlinie im System des Empfängers verbietet die Nachricht",
        "Den Administrator des Empfängers fragen, welche Richtlinie es ist.",
    ),
    Reason.VIRUS: (
        "Taken for malware", "Als Schadsoftware abgelehnt",
        "die Nachricht wurde für einen Träger von Schadsoftware gehalten",
        "Die Nachricht und den Rechner prüfen, von dem sie stammt.",
    ),
    Reason.UNDEFINED: (
        "No reason given", "Grund unbekannt",
        "die Antwort sagt nicht, warum",
        "Die Antwort selbst lesen.",
    ),
    Reason.OPERATOR: (
        "Locked by hand", "Von Hand gesperrt",
        "jemand hat die Adresse von Hand gesperrt",
        "Die Person fragen, die gesperrt hat.",
    ),
    Reason.OWN_REFUSAL: (
        "Our own refusal", "Eigene Ablehnung",
        "abgelehnt haben wir selbst: das beweist nichts Neues",
        "Nachsehen, warum die Adresse gesperrt ist.",
    ),
    Reason.COMPLAINT: (
        "Complaint", "Beschwerde",
        "der Empfänger hat die Nachricht als unerwünscht gemeldet (RFC 5965)",
        _OFF,
    ),
    Reason.NOT_A_FAILURE: (
        "No failure", "Kein Fehler",
        "der Bericht handelt von Verzögerung, Zustellung oder Weiterleitung, nicht von Fehlern",
        "Nichts zu tun.",
    ),
    Reason.STALE: (
        "Not mailed for long", "Lange nicht angeschrieben",
        "die Adresse wurde so lange nicht angeschrieben, dass sie eine Spamfalle sein kann",
        "Die Person auf anderem Weg fragen, ob die Adresse noch ihre ist.",
    ),
    Reason.INVALID: (
        "Invalid address", "Ungültige Adresse",
        "so, wie die Adresse geschrieben ist, kann nichts zugestellt werden",
        "Die Adresse berichtigen.",
    ),
    Reason.PREDICTED: (
        "Bounce predicted", "Bounce zu erwarten",
        "die Adresse ist für eine andere Gruppe gesperrt, oder ihre Domain nimmt keine Mail an",
        "Nachsehen, warum sie anderswo gesperrt ist, oder hinter dem @ einen Tippfehler suchen.",
    ),
    Reason.ADDRESS_MALFORMED: (
        "Address malformed", "Adresse falsch geschrieben",
        "das System des Empfängers nimmt die Adresse so, wie sie geschrieben ist, nicht an",
        "In der Adresse nach einem Tippfehler suchen.",
    ),
    Reason.MAILBOX_INACTIVE: (
        "Mailbox unused", "Postfach unbenutzt",
        "das Postfach wurde so lange nicht benutzt, dass es keine Mail mehr annimmt",
        _OTHER_WAY,
    ),
    Reason.MAILBOX_SUSPENDED: (
        "Mailbox suspended", "Postfach gesperrt",
        "der Anbieter hat das Postfach gesperrt, etwa wegen einer offenen Rechnung",
        "Die Person auf anderem Weg fragen; das Postfach kann wiederkommen.",
    ),
    Reason.SUPPRESSED: (
        "On a suppression list", "Auf einer Sperrliste des Dienstes",
        "der Versanddienst hat nicht gesendet, weil die Adresse auf seiner eigenen Liste steht",
        "Im Dienst nachsehen, warum; sie dort streichen, wenn die Adresse wieder geht.",
    ),
    Reason.NEW_ADDRESS: (
        "New address named", "Neue Adresse genannt",
        "der Empfänger ist umgezogen, und die Antwort nennt eine neue Adresse",
        "An die neue Adresse schreiben, wenn die Person zustimmt.",
    ),
    Reason.MAIL_LOOP: (
        "Mail loop", "Mail läuft im Kreis",
        "die Nachricht lief zwischen Servern im Kreis",
        "Der Administrator des Empfängers muss den Kreis auflösen.",
    ),
    Reason.DNS_FAILURE: (
        "DNS failure", "DNS-Fehler",
        "die Nameserver der Domain des Empfängers gaben keine brauchbare Antwort",
        "Später noch einmal versuchen; bleibt es so, den Administrator der Domain fragen.",
    ),
    Reason.SYNTAX_ERROR: (
        "SMTP syntax error", "SMTP-Syntaxfehler",
        "ein Server verstand einen Befehl, seine Reihenfolge oder sein Argument nicht",
        _SMTP_LOG,
    ),
    Reason.SMTPUTF8_MISSING: (
        "No international addresses", "Keine internationalen Adressen",
        "der nächste Server kennt nur Adressen in ASCII (RFC 6531)",
        "Eine Adresse in ASCII verwenden, auch als Absender.",
    ),
    Reason.RELAY_DENIED: (
        "Relaying denied", "Weiterleitung verweigert",
        "der Server nimmt von diesem Absender keine Mail für diese Domain an",
        "Die MX-Einträge der Domain prüfen, und wohin der eigene Server sendet.",
    ),
    Reason.SYSTEM_FULL: (
        "Recipient's system full", "System des Empfängers voll",
        "Platte oder Speicher im System des Empfängers sind voll",
        _LATER,
    ),
    Reason.PROGRAM_ERROR: (
        "Delivery program failed", "Zustellprogramm gescheitert",
        "ein Programm, das beim Empfänger Mail zustellt, ist gescheitert",
        "Später noch einmal versuchen; sonst dem Administrator des Empfängers Bescheid geben.",
    ),
    Reason.NOT_RFC_COMPLIANT: (
        "Message malformed", "Nachricht fehlerhaft",
        "die Nachricht verletzt die Standards: eine Kopfzeile fehlt, ist doppelt oder falsch",
        "Das Programm berichtigen, das die Nachricht schreibt (RFC 5322).",
    ),
    Reason.ATTACHMENT_REFUSED: (
        "Attachment refused", "Anhang abgelehnt",
        "ein Anhang hat einen Typ, der abgelehnt wird",
        "Statt des Anhangs einen Link senden.",
    ),
    Reason.IP_BLOCKED: (
        "Sending IP blocked", "Sendende IP gesperrt",
        "die sendende IP-Adresse ist gesperrt, meist weil eine Sperrliste sie nennt",
        _DELIST,
    ),
    Reason.IP_REPUTATION: (
        "Bad reputation of the IP", "Schlechter Ruf der IP",
        "die sendende IP-Adresse hat einen schlechten Ruf oder noch keinen",
        "Weniger senden, und an die, die es wollen, bis der Ruf wächst.",
    ),
    Reason.DOMAIN_REPUTATION: (
        "Bad reputation of a domain", "Schlechter Ruf einer Domain",
        "die sendende Domain oder ein Link in der Nachricht hat einen schlechten Ruf",
        "Die Domains von Absender und Links auf den Listen prüfen, die die Antwort nennt.",
    ),
    Reason.DYNAMIC_IP: (
        "Dynamic IP", "Dynamische IP",
        "die sendende IP-Adresse gehört zu einem Netz für Einwahl oder Privathaushalte",
        "Über den Mailserver des eigenen Anbieters senden.",
    ),
    Reason.SPF_FAILED: (
        "SPF failed", "SPF nicht erfüllt",
        "SPF erlaubt der sendenden IP-Adresse nicht, für die Domain zu senden",
        "Den sendenden Server in den SPF-Eintrag der Domain des Return-Path aufnehmen.",
    ),
    Reason.DKIM_FAILED: (
        "DKIM failed", "DKIM nicht erfüllt",
        "die DKIM-Signatur fehlt oder ist ungültig",
        "Signatur und Schlüssel im DNS prüfen; signierte Mail darf nichts mehr verändern.",
    ),
    Reason.DMARC_FAILED: (
        "DMARC failed", "DMARC nicht erfüllt",
        "die Nachricht erfüllt die DMARC-Richtlinie der Domain im From-Feld nicht",
        "SPF oder DKIM mit der Domain des From-Felds bestehen lassen.",
    ),
    Reason.SENDER_UNAUTHENTICATED: (
        "Sender not authenticated", "Absender nicht nachgewiesen",
        "die Nachricht besteht weder SPF noch DKIM, oder die Antwort sagt nicht, was fehlt",
        "SPF, DKIM und DMARC für die sendende Domain einrichten.",
    ),
    Reason.NO_REVERSE_DNS: (
        "No reverse DNS", "Kein Rückwärtsname",
        "die sendende IP-Adresse hat keinen Rückwärtsnamen, oder einen, der nicht zurückführt",
        "Einen PTR-Eintrag für die sendende IP-Adresse setzen und zum Namen ihre Adresse.",
    ),
    Reason.HELO_REFUSED: (
        "HELO refused", "HELO abgelehnt",
        "der Name, den der sendende Server in HELO oder EHLO nannte, wurde abgelehnt",
        "Den Server einen vollständigen Namen nennen lassen, den es im DNS gibt.",
    ),
    Reason.SENDER_ADDRESS_REFUSED: (
        "Sender address refused", "Absenderadresse abgelehnt",
        "die Absenderadresse wurde abgelehnt: es gibt sie nicht, sie ist falsch oder unerwünscht",
        "Eine Absenderadresse verwenden, die es gibt und die Mail annimmt.",
    ),
    Reason.SENDER_DOMAIN_REFUSED: (
        "Sender domain refused", "Absenderdomain abgelehnt",
        "die Domain des Absenders wurde abgelehnt: es gibt sie nicht, oder sie nimmt nichts an",
        "MX- und Adress-Einträge der sendenden Domain prüfen.",
    ),
    Reason.SENDER_NOT_PERMITTED: (
        "Sender not permitted", "Absender nicht erlaubt",
        "Benutzer oder Server dürfen mit dieser Absenderadresse nicht senden",
        "Mit einer Adresse senden, die zum Konto gehört, oder die Adresse zulassen lassen.",
    ),
    Reason.SENDER_ACCOUNT_BLOCKED: (
        "Sending account blocked", "Sendendes Konto gesperrt",
        "das sendende Konto ist gesperrt, stillgelegt oder geschlossen",
        "Den Anbieter des sendenden Kontos fragen.",
    ),
    Reason.AUTHENTICATION_REQUIRED: (
        "Login required", "Anmeldung verlangt",
        "der Server verlangt eine Anmeldung (SMTP AUTH) oder hat eine abgelehnt",
        "Benutzer, Passwort und Port im sendenden Server prüfen.",
    ),
    Reason.RECIPIENT_RESTRICTED: (
        "Only chosen senders", "Nur bestimmte Absender",
        "der Empfänger nimmt nur von manchen Mail an: Mitglieder, Kollegen, gewählte Absender",
        "Den Empfänger oder den Besitzer der Gruppe bitten, den Absender zuzulassen.",
    ),
    Reason.BLOCKED_BY_RECIPIENT: (
        "Blocked by the recipient", "Vom Empfänger blockiert",
        "der Empfänger hat diesen Absender blockiert",
        _OFF,
    ),
    Reason.TOO_MANY_CONNECTIONS: (
        "Too many connections", "Zu viele Verbindungen",
        "zu viele Verbindungen zugleich oder in zu kurzer Zeit",
        "Die Zahl der Verbindungen zu diesem Anbieter senken.",
    ),
    Reason.TOO_MANY_RECIPIENTS: (
        "Too many recipients", "Zu viele Empfänger",
        "die Nachricht hat mehr Empfänger, als der Server auf einmal annimmt",
        "Die Zahl der Empfänger je Nachricht senken.",
    ),
    Reason.SENDING_QUOTA: (
        "Sending quota used up", "Sendekontingent aufgebraucht",
        "das sendende Konto oder die sendende Domain hat das Kontingent aufgebraucht",
        "Warten, bis das Kontingent erneuert ist, oder es erhöhen lassen.",
    ),
    Reason.RECIPIENT_RATE: (
        "Recipient gets too much", "Empfänger bekommt zu viel",
        "der Empfänger bekommt schneller Mail, als sein Anbieter erlaubt",
        "Später noch einmal versuchen; diesem Empfänger weniger senden.",
    ),
    Reason.UNSUBSCRIBED: (
        "Unsubscribed", "Abgemeldet",
        "der Empfänger will keine Mail mehr bekommen",
        _OFF,
    ),
}  # fmt: skip
