"""Cases: bounces without personal data, each with the verdict on it, to send in and for tests.

A case of a message is a copy of it with fields on top: `X-Bouncegate-Verdict`, one for each
recipient, as "recipient action kind/category reason", or the type of what is no bounce. A case of a
reply is a line "kind/category|reply". Whoever disagrees writes there what would be right.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from bouncegate.cli.anonymize import Copier
from bouncegate.cli.inputfiles import MessageFile
from bouncegate.cli.invocation import Invocation

if TYPE_CHECKING:
    from bouncegate.classifier.classified import ClassifiedMessage

VERDICT: Final = "X-Bouncegate-Verdict"


class Cases:
    """Makes cases of what is classified."""

    def __init__(self, invocation: Invocation) -> None:
        """Use the rules in force."""
        self._copier = Copier(invocation)

    @property
    def differ(self) -> bool:
        """Whether a copy was classified otherwise than its original, so that it shows less."""
        return self._copier.differing > 0

    def of_message(self, item: MessageFile) -> bytes:
        """The case of a message."""
        from bouncegate.classifier.classified import classify  # noqa: PLC0415 - RE2 takes its time

        copy = self._copier.copy(item)
        found = classify(copy, self._copier.classifier)
        rules = ", ".join(dict.fromkeys(one.rule for one in found.reports)) or "none"
        fields = [f"{VERDICT}: {verdict}" for verdict in verdicts(found)]
        fields += [f"X-Bouncegate-Rule: {rules}", f"X-Bouncegate-Version: {version('bouncegate')}"]
        return "".join(f"{field}\n" for field in fields).encode() + copy

    def of_reply(self, item: MessageFile) -> bytes:
        """The case of a reply."""
        from bouncegate.classifier.classified import classify_reply  # noqa: PLC0415

        reply = self._copier.pseudonymized(item.octets.decode("utf-8", "replace").strip())
        verdict = classify_reply(reply, self._copier.classifier)
        return f"{verdict.kind}/{verdict.category}|{reply}\n".encode()


def verdicts(message: "ClassifiedMessage") -> list[str]:
    """What a case says of a message; each recipient once, in the order found."""
    found = (
        f"{one.recipient} {one.action} {one.kind}/{one.category} {one.reason}"
        for one in message.reports
    )
    return list(dict.fromkeys(found)) or [str(message.type)]
