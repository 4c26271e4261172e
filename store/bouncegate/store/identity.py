"""The identity of an event: what makes each report about one message and recipient the same."""

from hashlib import blake2b
from typing import Final

FAILED: Final = "failed"
_OCTETS: Final = 16


def identity(message: str, recipient: str, outcome: str = FAILED) -> bytes:
    """16 octets that are equal for everything that tells this outcome of a message and recipient.

    A delay and the failure that follows it are two; a failure told twice is one.
    """
    text = "\0".join((outcome, recipient, message))
    return blake2b(text.encode("utf-8", "replace"), digest_size=_OCTETS).digest()


def name_of_sent(time: int, message: bytes) -> str:
    """How identities name a message that stands in the ledger."""
    return f"sent {time} {message.hex()}"
