"""Local accounts: people who log in here, since no proxy in front says who they are."""

import re
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from bouncegate.config.websettings import Role
from bouncegate.web.access.environment import ACCOUNTS, AccessEnvironment
from bouncegate.web.access.passwords import hashed

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_MOST_GROUPS: Final = 50


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who may log in."""

    name: str
    role: Role
    groups: tuple[str, ...]
    """The recipient groups that they see; none: all."""
    password: str
    """As a PHC string."""
    stamp: bytes
    """Drawn anew at each change: sessions that name another one are over."""
    made: int
    changed: int


class AccountError(ValueError):
    """It cannot be done; the text says why."""


class Accounts:
    """All accounts, by name."""

    def __init__(self, environment: AccessEnvironment) -> None:
        """Use an environment that is open."""
        self._environment = environment
        self._records = environment.table(ACCOUNTS, Account)

    def get(self, name: str) -> Account | None:
        """The account of a name."""
        if not is_name(name):
            return None
        with self._environment.reading() as transaction:
            return self._records.get(transaction, name.encode())

    def all(self) -> list[Account]:
        """All, by name."""
        with self._environment.reading() as transaction:
            return [account for _, account in self._records.items(transaction)]

    def add(self, name: str, role: Role, groups: Sequence[str], password: str, now: int) -> Account:
        """Make an account; raises AccountError if there is one, or name or password will not do."""
        if not is_name(name):
            raise AccountError(f"invalid name {name!r}: up to 64 letters, digits and . _ @ + -")
        if len(groups) > _MOST_GROUPS:
            raise AccountError(f"at most {_MOST_GROUPS} groups")
        account = Account(
            name, role, tuple(groups), _kept(password), secrets.token_bytes(8), now, now
        )
        with self._environment.writing() as transaction:
            if self._records.get(transaction, name.encode()) is not None:
                raise AccountError(f"there is an account {name} already")
            self._records.put(transaction, name.encode(), account)
        return account

    def change(
        self,
        name: str,
        now: int,
        *,
        role: Role | None = None,
        groups: Sequence[str] | None = None,
        password: str | None = None,
    ) -> Account:
        """Change what is given, which ends all sessions; raises AccountError."""
        kept = None if password is None else _kept(password)
        with self._environment.writing() as transaction:
            before = self._records.get(transaction, name.encode())
            if before is None:
                raise AccountError(f"there is no account {name}")
            account = msgspec.structs.replace(
                before,
                role=role or before.role,
                groups=before.groups if groups is None else tuple(groups),
                password=kept or before.password,
                stamp=secrets.token_bytes(8),
                changed=now,
            )
            self._records.put(transaction, name.encode(), account)
        return account

    def remove(self, name: str) -> bool:
        """Delete an account, with which its sessions and tokens end; whether it was there."""
        with self._environment.writing() as transaction:
            return self._records.delete(transaction, name.encode())


def is_name(name: str) -> bool:
    """Whether an account may be called so."""
    return _NAME.fullmatch(name) is not None


def _kept(password: str) -> str:
    try:
        return hashed(password)
    except ValueError as error:
        raise AccountError(str(error)) from None
