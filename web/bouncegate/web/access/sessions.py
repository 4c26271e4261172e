"""Sessions: what a login is known by afterwards.

The id is 256 bits drawn by chance, and only the browser has it: what is kept is its SHA-256, so
that who reads the files cannot go on with anybody's session. Each login begins a new one.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from bouncegate.web.access.accounts import Account
from bouncegate.web.access.environment import SESSIONS, AccessEnvironment

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_TOUCH_SECONDS: Final = 60
_MOST_OF_ONE: Final = 50


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """One login."""

    account: str
    stamp: bytes
    """That of the account, when it began."""
    begun: int
    used: int
    client: str = ""
    agent: str = ""
    """What the browser calls itself."""


class Sessions:
    """All sessions, by the digest of their ids."""

    def __init__(self, environment: AccessEnvironment, longest: int, idle: int) -> None:
        """Use an environment that is open; sessions last so many seconds, and so many unused."""
        self._environment = environment
        self._records = environment.table(SESSIONS, Session)
        self._longest = longest
        self._idle = idle

    def begin(self, account: Account, now: int, client: str, agent: str) -> str:
        """The id of a new session. Those that are over go, and the oldest of too many."""
        id_ = secrets.token_urlsafe(32)
        session = Session(account.name, account.stamp, now, now, client, agent[:200])
        with self._environment.writing() as transaction:
            kept = []
            for key, old in self._records.items(transaction):
                if self._is_over(old, now):
                    self._records.delete(transaction, key)
                elif old.account == account.name:
                    kept.append((old.used, key))
            for _, key in sorted(kept)[: max(0, len(kept) + 1 - _MOST_OF_ONE)]:
                self._records.delete(transaction, key)
            self._records.put(transaction, key_of(id_), session)
        return id_

    def get(
        self, id_: str, account_of: Callable[[str], Account | None], now: int
    ) -> tuple[Session, Account] | None:
        """The session of an id and its account, if it still goes on."""
        if _ID.fullmatch(id_) is None:
            return None
        key = key_of(id_)
        with self._environment.reading() as transaction:
            session = self._records.get(transaction, key)
        if session is None:
            return None
        account = account_of(session.account)
        if account is None or account.stamp != session.stamp or self._is_over(session, now):
            return None
        return session, account

    def is_to_note(self, session: Session, now: int) -> bool:
        """Whether its use is to be noted: once a minute is enough."""
        return not 0 <= now - session.used < _TOUCH_SECONDS

    def use(self, key: bytes, now: int) -> None:
        """Note that it is used."""
        with self._environment.writing() as transaction:
            session = self._records.get(transaction, key)
            if session is not None:
                used = msgspec.structs.replace(session, used=now)
                self._records.put(transaction, key, used)

    def of(self, account: Account, now: int) -> list[tuple[bytes, Session]]:
        """The sessions of an account that go on, the latest first."""
        with self._environment.reading() as transaction:
            found = self._records.items(transaction)
        own = [
            (key, session)
            for key, session in found
            if session.account == account.name
            and session.stamp == account.stamp
            and not self._is_over(session, now)
        ]
        return sorted(own, key=lambda item: item[1].begun, reverse=True)

    def end(self, key: bytes, account: str = "") -> bool:
        """End a session, if it is of an account; whether it was there."""
        with self._environment.writing() as transaction:
            session = self._records.get(transaction, key)
            if session is None or (account and session.account != account):
                return False
            return self._records.delete(transaction, key)

    def _is_over(self, session: Session, now: int) -> bool:
        return now - session.begun >= self._longest or now - session.used >= self._idle


def key_of(id_: str) -> bytes:
    """What is kept of an id."""
    return hashlib.sha256(id_.encode()).digest()
