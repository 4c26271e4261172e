"""What LMTP sessions are tested with: a handler that keeps what it is given."""

import asyncio
from collections.abc import Sequence

from tests.unit.scoreboards import row_of

from bouncegate.classifier.returnpath.lmtp import Terms
from bouncegate.classifier.returnpath.sessions import Sessions

SECONDS = 20.0
TERMS = Terms(max_size=10_000, timeout=SECONDS, hostname="mail.example.org")
START = b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n"
REFUSED = "550 5.7.1 Not a return path"


def sessions_of_one() -> Sessions:
    row = row_of()
    return Sessions(row, [row], 8)


class Pile:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.paths: list[tuple[str, list[str]]] = []

    def refusal(self, recipient: str) -> str:
        return REFUSED if recipient.startswith("stranger") else ""

    async def answer(self, raw: bytes, sender: str, recipients: Sequence[str]) -> list[str]:
        await asyncio.sleep(0.001)  # as a commit does: what comes behind must wait
        self.messages.append(raw)
        self.paths.append((sender, list(recipients)))
        return [f"250 2.0.0 message {len(self.messages)}" for _ in recipients]
