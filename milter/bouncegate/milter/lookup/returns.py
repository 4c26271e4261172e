"""The map `return` for virtual_alias_maps: a bounce to a signed return path reaches people as well.

A signed return path is answered with two addresses, itself and the original sender's, as the ledger
has it. Anything else is not found: without a token of ours a sender learns and reaches no address.
"""

import time
from collections.abc import Callable
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter.lookup.protocol import NOT_FOUND
from bouncegate.store.address import AddressError, canonical, domain_of
from bouncegate.store.entry import Sent
from bouncegate.store.errors import StoreError, StoreMissing, StoreReplaced
from bouncegate.store.ledger import Ledger
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile
from bouncegate.store.tokens.token import Finding, Token, check_latest

# The ledger is written some milliseconds behind the mail. Of a token that is so young, in
# seconds, the sender may still be on the way there: Postfix asks again.
_LEDGER_LAG: Final = 5
_NOT_YET: Final = b"TEMP the ledger does not know this message yet [bouncegate]"
_NO_KEYS: Final = b"TEMP the keys cannot be read [bouncegate]"
_FAILED: Final = b"TEMP the ledger cannot be read [bouncegate]"


class ReturnMap:
    """Answers look-ups for return paths."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """Keys and ledger are those of the store; raises KeyFileError."""
        self._settings = settings
        self._clock = clock
        self._domains = settings.return_path.domains
        self._names = frozenset(name.encode() for name in self._domains.names)
        self._lifetime = settings.return_path.lifetime.after(0)
        self._keys = KeyFile(settings.store.path / KEY_FILE, int(clock()))
        self._ledger: Ledger | None = None
        on_error = settings.milter.on_error
        self._error_log = RateLimitedLog(on_error, daemon="map", step="return")
        self._on_error = _FAILED if on_error == "tempfail" else NOT_FOUND

    def __call__(self, key: bytes) -> bytes:
        """The answer to one key. Nothing is ever raised: the connection would be lost."""
        if key.lower().rpartition(b"@")[2] not in self._names:
            return NOT_FOUND
        try:
            return self._answer(key.decode())
        except UnicodeDecodeError:
            return NOT_FOUND
        except Exception as error:  # noqa: BLE001 - the boundary; logged and answered
            self._error_log.log("NOQUEUE", error, expected=isinstance(error, StoreError))
            return self._on_error

    def _answer(self, return_path: str) -> bytes:
        now = int(self._clock())
        local = return_path.rpartition("@")[0]
        finding, token = check_latest(self._keys, local, now, self._lifetime)
        if token is None:
            return _NO_KEYS if finding is Finding.KEYS_UNREADABLE else NOT_FOUND
        sent = self._sent(token)
        if sent is None:
            return _NOT_YET if abs(now - token.time) < _LEDGER_LAG else NOT_FOUND
        sender = self._address_of(sent)
        return NOT_FOUND if sender is None else f"OK {return_path}, {sender}".encode()

    def _address_of(self, sent: Sent) -> str | None:
        """The sender, if it is an address that mail can go to, and no return path itself."""
        try:
            sender = canonical(sent.sender, fold=False)
        except AddressError:
            return None
        is_return_path = self._domains.holds(domain_of(sender))
        return None if is_return_path or sender.startswith("@") else sender

    def _sent(self, token: Token) -> Sent | None:
        if self._ledger is None:
            try:
                self._ledger = Ledger.open(self._settings.store, self._settings.ledger)
            except StoreMissing:  # the milter makes it with the first message that it signs
                return None
        try:
            return self._ledger.by_message(token.time, token.message)
        except StoreReplaced:
            self._ledger.close()
            self._ledger = None
            raise
