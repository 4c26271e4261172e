"""Tokens: how programs say who they are, `Authorization: Bearer bg_<id>_<secret>`.

The secret is shown once; its SHA-256 is kept. A token has scopes, perhaps groups and an end, and
never more than who made it: not when it is made, and not later, when they have less.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

import lmdb
import msgspec

from bouncegate.config.websettings import Role
from bouncegate.web.access.accounts import Account
from bouncegate.web.access.environment import TOKENS, AccessEnvironment
from bouncegate.web.rights import RIGHTS_OF_ROLE, RIGHTS_OF_SCOPE, Person, Right

_TOKEN: Final = re.compile(r"bg_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_TOUCH_SECONDS: Final = 60
_MOST_GROUPS: Final = 50
_LONGEST_NAME: Final = 64


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a program may do."""

    id: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    """None: all."""
    made: int = 0
    expires: int = 0
    """0: never."""
    used: int = 0
    maker: str = ""
    is_accounts: bool = False
    """Whether the maker has a local account, and the token ends with it."""
    replaces: str = ""
    """The id of the token in whose place it came."""

    def is_over(self, now: int) -> bool:
        """Whether it is of no use any more."""
        return bool(self.expires) and now >= self.expires


class TokenError(ValueError):
    """It cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token is to be."""

    name: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    expires: int = 0


class Tokens:
    """All tokens, by id."""

    def __init__(self, environment: AccessEnvironment) -> None:
        """Use an environment that is open."""
        self._environment = environment
        self._records = environment.table(TOKENS, Token)

    def add(self, wish: Wish, maker: Person, now: int, *, is_accounts: bool) -> tuple[Token, str]:
        """Make a token; returns it and what the program has to send. Raises TokenError."""
        _require_possible(wish, maker)
        token, text = _drawn(
            Token(
                "",
                wish.name,
                b"",
                tuple(dict.fromkeys(wish.scopes)),
                tuple(dict.fromkeys(wish.groups)),
                made=now,
                expires=wish.expires,
                maker=maker.name,
                is_accounts=is_accounts,
            )
        )
        with self._environment.writing() as transaction:
            if any(
                old.name == wish.name and not old.is_over(now)
                for _, old in self._records.items(transaction)
            ):
                raise TokenError(f"there is a token {wish.name} already: rotate or revoke it")
            self._records.put(transaction, token.id.encode(), token)
        return token, text

    def rotate(self, called: str, now: int, overlap: int) -> tuple[Token, str]:
        """A new token in the place of another, which ends in so many seconds; raises TokenError.

        It is called by its id or its name; of several of a name the latest is replaced.
        """
        with self._environment.writing() as transaction:
            found = [token for token in self._called(transaction, called) if not token.is_over(now)]
            if not found:
                raise TokenError(f"there is no token {called}")
            old = found[0]
            lifetime = old.expires - old.made if old.expires else 0
            fresh = msgspec.structs.replace(
                old, made=now, used=0, replaces=old.id, expires=now + lifetime if lifetime else 0
            )
            token, text = _drawn(fresh)
            self._records.put(transaction, token.id.encode(), token)
            end = min(now + overlap, old.expires or now + overlap)
            ending = msgspec.structs.replace(old, expires=max(end, 1))
            self._records.put(transaction, old.id.encode(), ending)
        return token, text

    def revoke(self, called: str) -> list[Token]:
        """End a token at once, by its id, or all of a name; those that there were."""
        with self._environment.writing() as transaction:
            found = self._called(transaction, called)
            for token in found:
                self._records.delete(transaction, token.id.encode())
        return found

    def all(self) -> list[Token]:
        """All, the latest first."""
        with self._environment.reading() as transaction:
            return self._all(transaction)

    def _all(self, transaction: lmdb.Transaction[bytes]) -> list[Token]:
        found = [token for _, token in self._records.items(transaction)]
        return sorted(found, key=lambda token: (token.made, token.id), reverse=True)

    def _called(self, transaction: lmdb.Transaction[bytes], called: str) -> list[Token]:
        """The token of an id, or those of a name, the latest first."""
        every = self._all(transaction)
        by_id = [token for token in every if token.id == called]
        return by_id or [token for token in every if token.name == called]

    def named(self, text: str) -> Token | None:
        """The token that a program sent, if there is such a one."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        with self._environment.reading() as transaction:
            token = self._records.get(transaction, match[1].encode())
        digest = _digest(match[2])
        # There may be no such id; that takes no other time worth telling.
        kept = token.digest if token else bytes(32)
        return token if hmac.compare_digest(digest, kept) else None

    def is_to_note(self, token: Token, now: int) -> bool:
        """Whether its use is to be noted: once a minute is enough."""
        return not 0 <= now - token.used < _TOUCH_SECONDS

    def use(self, token: Token, now: int) -> None:
        """Note that it is used."""
        with self._environment.writing() as transaction:
            kept = self._records.get(transaction, token.id.encode())
            if kept is not None:
                used = msgspec.structs.replace(kept, used=now)
                self._records.put(transaction, token.id.encode(), used)


def person_of(token: Token, maker: Account | None) -> Person:
    """Who a token is, bounded by what its maker may do now; `maker`: their account, if any."""
    rights = frozenset[Right]().union(*(RIGHTS_OF_SCOPE.get(name, ()) for name in token.scopes))
    groups = frozenset(token.groups)
    if token.is_accounts:
        role: Role | None = maker.role if maker else None
        rights &= RIGHTS_OF_ROLE[role] if role else frozenset()
        if maker and maker.groups:
            groups = groups & set(maker.groups) if groups else frozenset(maker.groups)
            rights = rights if groups else frozenset()
    return Person(token.name, rights, None, groups, via="api", token=token.id)


def _require_possible(wish: Wish, maker: Person) -> None:
    unknown = [name for name in wish.scopes if name not in RIGHTS_OF_SCOPE]
    if unknown:
        known = ", ".join(RIGHTS_OF_SCOPE)
        raise TokenError(f"unknown scope {unknown[0]!r}: write one of {known}")
    if not wish.scopes:
        raise TokenError("a token without a scope can do nothing")
    if not 0 < len(wish.name) <= _LONGEST_NAME or not wish.name.isprintable():
        raise TokenError(f"a token needs a name of up to {_LONGEST_NAME} characters")
    if len(wish.groups) > _MOST_GROUPS:
        raise TokenError(f"at most {_MOST_GROUPS} groups")
    for name in wish.scopes:
        if not RIGHTS_OF_SCOPE[name] <= maker.rights:
            raise TokenError(f"scope {name!r} is more than you may do yourself")
    if maker.groups and not (wish.groups and set(wish.groups) <= maker.groups):
        raise TokenError("you may do this for your groups alone: name one of them")


def _drawn(token: Token) -> tuple[Token, str]:
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    return msgspec.structs.replace(token, id=id_, digest=_digest(secret)), f"bg_{id_}_{secret}"


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
