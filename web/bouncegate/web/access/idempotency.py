"""Answers that are kept for a day, so that a call that is sent again is not carried out again.

`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same key with another request is
a mistake, and one whose first request still runs is told so.
"""

from __future__ import annotations

import hashlib
from typing import Final

import lmdb
import msgspec

from bouncegate.web.access.environment import IDEMPOTENCY, AccessEnvironment

KEPT_SECONDS: Final = 86_400
LONGEST_KEY: Final = 255
LARGEST_ANSWER: Final = 64 * 2**10
_MOST: Final = 500
"""Keys of one token; the oldest ones go."""
# A request that has not ended by then died with its process.
_RUNS_SECONDS: Final = 300


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a request."""

    fingerprint: bytes
    """SHA-256 of method, path and body."""
    begun: int
    status: int = 0
    """0: it still runs."""
    media_type: str = ""
    location: str = ""
    body: bytes = b""


class KeyReused(Exception):
    """The key came with another request before."""


class StillRuns(Exception):
    """The first request with this key has not ended."""


class Idempotency:
    """Answers by token and key."""

    def __init__(self, environment: AccessEnvironment) -> None:
        """Use an environment that is open."""
        self._environment = environment
        self._records = environment.table(IDEMPOTENCY, Kept)

    def begin(self, token: str, key: str, fingerprint: bytes, now: int) -> Kept | None:
        """The answer that was given, or None: carry it out, then `end`, or `forget` if that fails.

        Raises KeyReused and StillRuns.
        """
        place = _place(token, key)
        with self._environment.writing() as transaction:
            kept = self._records.get(transaction, place)
            if kept is not None and now - kept.begun < KEPT_SECONDS:
                if kept.fingerprint != fingerprint:
                    raise KeyReused
                if kept.status:
                    return kept
                if now - kept.begun < _RUNS_SECONDS:
                    raise StillRuns
            self._expire(transaction, token, now)
            self._records.put(transaction, place, Kept(fingerprint, now))
        return None

    def end(self, token: str, key: str, answer: Kept) -> None:
        """Keep an answer; one that is too large is not, and the call may be sent again."""
        place = _place(token, key)
        with self._environment.writing() as transaction:
            if len(answer.body) > LARGEST_ANSWER:
                self._records.delete(transaction, place)
            else:
                self._records.put(transaction, place, answer)

    def forget(self, token: str, key: str) -> None:
        """The call may be sent again: nothing was done."""
        with self._environment.writing() as transaction:
            self._records.delete(transaction, _place(token, key))

    def _expire(self, transaction: lmdb.Transaction[bytes], token: str, now: int) -> None:
        own = self._records.items(transaction, token.encode() + b"\0")
        by_age = sorted((kept.begun, place) for place, kept in own)
        too_many = max(0, len(by_age) + 1 - _MOST)
        for number, (begun, place) in enumerate(by_age):
            if number < too_many or now - begun >= KEPT_SECONDS:
                self._records.delete(transaction, place)


def fingerprint_of(method: str, target: str, body: bytes) -> bytes:
    """What tells one request from another."""
    head = f"{method} {target}\0".encode()
    return hashlib.sha256(head + body).digest()


def _place(token: str, key: str) -> bytes:
    return token.encode() + b"\0" + hashlib.sha256(key.encode()).digest()
