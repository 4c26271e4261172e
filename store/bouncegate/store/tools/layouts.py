"""The steps from each layout of the store to the next, and what is recomputed at the end.

    1 -> 2  in the first stores an act named one `address`; since then `addresses`
    2 -> 3  lists show every address that bounced; a shelf names them, which is derived
    3 -> 4  requests to unlock have a table, which is empty
    4 -> 5  addresses are found by their domains, by an index that is derived

All stores of layout 1 are not alike: tables were added to it one after the other, and states and
lists came to hold more. So after the last step all that follows from the journal is derived by the
code of today: a step changes only what nothing else tells.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

import msgspec
import zstandard

from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.store.addresses import lock_record
from bouncegate.store.codec import packed, unpacked
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.layout import JOURNAL, LAYOUT, LOCKS, create_databases, layout_of, set_layout
from bouncegate.store.tools.verify.addresses import CachingJournal, known_names
from bouncegate.store.tools.verify.difference import PORTION, portions

Step = Callable[[Environment], None]
"""Rewrites the records of one layout as those of the next."""

_DECODE: Final[Callable[[bytes], dict[str, Any]]] = msgspec.msgpack.Decoder(dict[str, Any]).decode


def raise_layout(environment: Environment, fold: Fold) -> None:
    """Upgrade an environment of an older layout, which no other process uses.

    `fold` is that of the policy in force. What cannot be read stays as it is, for verification to
    name. Raises lmdb.Error.
    """
    found = layout_of(environment)
    assert found is not None, "an empty store has no layout"
    for layout in range(found, LAYOUT):
        STEPS[layout](environment)
        set_layout(environment, layout + 1)
    create_databases(environment)
    _derive(environment, fold)


def _name_addresses(environment: Environment) -> None:
    journal = environment.open_db(JOURNAL, create=False)
    for _, items in portions(environment, JOURNAL):
        with environment.begin(write=True) as transaction:
            for key, octets in items:
                new = _with_addresses(octets)
                if new is not None:
                    transaction.put(key, new, db=journal)


def _with_addresses(octets: bytes) -> bytes | None:
    """An act that names one address, as one that may name many; None for anything else."""
    try:
        record = _DECODE(unpacked(octets))
    except (msgspec.DecodeError, zstandard.ZstdError):
        return None
    if record.get("type") != "act" or "address" not in record or "addresses" in record:
        return None
    # In the place of the old one: the order of fields is that of all other acts.
    renamed = {
        ("addresses" if name == "address" else name): ([value] if name == "address" else value)
        for name, value in record.items()
    }
    return packed(msgspec.msgpack.encode(renamed))


STEPS: Final[dict[int, Step]] = {
    1: _name_addresses,
    2: lambda _: None,
    3: lambda _: None,
    4: lambda _: None,
}


def _derive(environment: Environment, fold: Fold) -> None:
    """Recompute every address from its journal, as long as that does not change its locks.

    Earlier versions kept less of it. The policy may have changed since it was made: a lock that was
    made under another one stays, with all that was known beside it.
    """
    journal = CachingJournal(environment)
    history = History(environment, journal)
    locks = environment.open_db(LOCKS, create=False)
    start: bytes | None = b""
    while start is not None:
        journal.forget()
        with environment.begin(write=True) as transaction:
            names = list(islice(known_names(environment, transaction, start), PORTION))
            start = names[-1] + b"\0" if len(names) == PORTION else None
            for key in names:
                record = transaction.get(key, db=locks)
                try:
                    address = key.decode()
                    history.list_bounced(transaction, address)
                    state = history.addresses.get_within(transaction, address) or EMPTY
                    folded = history.fold_of(transaction, address, fold)
                except Exception:  # noqa: BLE001 - whatever it is, verification names it
                    continue
                # The first stores kept locks beside the counts too: written anew, they do not.
                for one in (folded, state):
                    if lock_record(one) == record:
                        history.addresses.write(transaction, address, one)
                        break
