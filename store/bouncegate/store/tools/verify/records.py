"""Records that stand by themselves: each can be read, and pairs of tables agree both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import Audit, State, Summary
from bouncegate.store import lockrecord
from bouncegate.store.deliverylog import Deferral
from bouncegate.store.entry import DIGEST
from bouncegate.store.environment import Environment
from bouncegate.store.layout import (
    ACCEPTED,
    AUDIT,
    DEFERRED,
    INVALID,
    MESSAGES,
    MX,
    MX_HOSTS,
    MX_WANTED,
    PURGED,
    REQUESTS,
    SET_ASIDE,
    SUMMARIES,
    TALLIES,
    UNPROVEN,
    USED,
    USED_BY_DAY,
)
from bouncegate.store.messages import is_whole
from bouncegate.store.mx import host_key
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.tools.verify.difference import (
    Difference,
    deleted,
    portions,
    put,
    records,
    shown,
)
from bouncegate.store.unproven import Kept

_DAY: Final = 2
_NUMBER: Final = 8
_TIME: Final = 4
_SEND: Final = 12
_IDENTITY: Final = 16
_MESSAGE_KEY: Final = 16

Sound = Callable[[bytes, bytes], bool]
"""Whether a record can be read; may raise whatever reading it raises."""


def _decodes(kind: object) -> Sound:
    decode = msgspec.msgpack.Decoder(kind).decode
    return lambda _key, value: decode(value) is not None


def _purged_is_sound(key: bytes, value: bytes) -> bool:
    if key[_IDENTITY:]:
        return key[_IDENTITY:] == b"s" and _decodes(State)(key, value)
    return len(key) == _IDENTITY and (lockrecord.unpack(value) or True) is not None


def _accepted_is_sound(value: bytes) -> bool:
    names = len(value) - _TIME - _IDENTITY
    return names >= 0 and names % DIGEST == 0


_SOUND: Final[dict[bytes, Sound]] = {
    TALLIES: lambda key, value: len(key) >= _TIME and _decodes(dict[Reason, int])(key, value),
    DEFERRED: lambda key, value: key[-_SEND - 1 :][:1] == b"\0" and _decodes(Deferral)(key, value),
    ACCEPTED: lambda key, value: len(key) > _SEND and _accepted_is_sound(value),
    MX: lambda key, value: bool(key.decode()) and _decodes(MxHosts)(key, value),
    MX_WANTED: lambda key, value: bool(key.decode()) and len(value) == _TIME,
    INVALID: lambda key, value: b"\0" in key and bool(value.decode()),
    AUDIT: lambda key, value: len(key) == _SEND and _decodes(Audit)(key, value),
    SUMMARIES: lambda key, value: bool(key.decode()) and _decodes(Summary)(key, value),
    PURGED: _purged_is_sound,
    UNPROVEN: lambda key, value: len(key) == _NUMBER and Kept.of(value) is not None,
    REQUESTS: lambda key, value: len(key) == _NUMBER and _decodes(UnlockRequest)(key, value),
    SET_ASIDE: lambda key, value: len(key) == _NUMBER and Kept.of(value) is not None,
    MESSAGES: lambda key, value: len(key) == _MESSAGE_KEY and is_whole(key, value),
}


class RecordCheck:
    """One reading of these tables, and of the folder of large messages."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        """Use an environment that is open, that of the store in `folder`."""
        self._environment = environment
        self._folder = folder
        self._used = environment.open_db(USED, create=False)
        self._by_day = environment.open_db(USED_BY_DAY, dupsort=True, create=False)
        self._known = environment.open_db(MX, create=False)
        self._hosts = environment.open_db(MX_HOSTS, create=False)
        self._exchanges = msgspec.msgpack.Decoder(MxHosts)

    def differences(self) -> Iterator[Difference]:
        """All that is found, by table."""
        for name, sound in _SOUND.items():
            for _, key, value in records(self._environment, name):
                if problem := _problem(sound, key, value):
                    yield Difference(name.decode(), shown(key), problem)
        yield from self._of_used()
        yield from self._of_hosts()
        yield from self._of_large_messages()

    def _of_used(self) -> Iterator[Difference]:
        for transaction, items in portions(self._environment, USED):
            with transaction.cursor(self._by_day) as cursor:
                for key, value in items:
                    day = value[:_DAY]
                    if len(value) not in (_DAY, 2 * _DAY) or b"\0" not in key:
                        yield Difference("used", shown(key), "cannot be read")
                    elif not cursor.set_key_dup(day, key):
                        repair = partial(put, self._by_day, day, key)
                        yield Difference("used_by_day", shown(key), "is missing on its day", repair)
        for transaction, day, key in records(self._environment, USED_BY_DAY):
            if (transaction.get(key, db=self._used) or b"")[:_DAY] != day:
                repair = partial(deleted, self._by_day, day, value=key)
                text = "stands on a day on which it was not mailed last"
                yield Difference("used_by_day", shown(key), text, repair)

    def _of_hosts(self) -> Iterator[Difference]:
        for transaction, domain, value in records(self._environment, MX):
            for host in self._hosts_of(value):
                key = host_key(host, domain.decode())
                if transaction.get(key, db=self._hosts) is None:
                    repair = partial(put, self._hosts, key, b"")
                    yield Difference("mx_hosts", shown(domain), f"is missing at {host}", repair)
        for transaction, key, _ in records(self._environment, MX_HOSTS):
            domain = key.partition(b"\0")[2]
            known = transaction.get(domain, db=self._known) if domain else None
            right = [] if known is None else self._hosts_of(known)
            if key not in [host_key(host, domain.decode()) for host in right]:
                repair = partial(deleted, self._hosts, key)
                text = f"names {shown(domain)}, for which DNS names another host"
                yield Difference("mx_hosts", shown(key), text, repair)

    def _hosts_of(self, value: bytes) -> list[str]:
        try:
            return list(self._exchanges.decode(value).mx_hosts[:1])
        except msgspec.DecodeError:
            return []  # reported where `mx` itself is read

    def _of_large_messages(self) -> Iterator[Difference]:
        for path in sorted((self._folder / "messages").glob("*/*.zst")):
            name = path.relative_to(self._folder).as_posix()
            try:
                sound = is_whole(bytes.fromhex(path.stem), path.read_bytes())
            except FileNotFoundError:
                continue  # its time was up meanwhile
            except (OSError, ValueError) as error:
                yield Difference("messages", name, f"cannot be read: {error}")
                continue
            if not sound:
                yield Difference("messages", name, "is not the message that it was")


def _problem(sound: Sound, key: bytes, value: bytes) -> str:
    """Why a record cannot be read; empty if it can."""
    try:
        return "" if sound(key, value) else "is not what it was written as"
    except Exception as error:  # noqa: BLE001 - whatever it is, it cannot be read
        return f"cannot be read: {error}"
