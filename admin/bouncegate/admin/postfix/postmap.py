"""What lookup tables say of the return domains: postmap(1), run once for each table.

To start postmap(1) takes some 20 ms, and there may be a return domain for each customer. So one run
asks a table for all keys (`postmap -q -`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bouncegate.admin.postfix.command import NotFound, PostfixError, run
from bouncegate.admin.postfix.facts import ACCEPTED, Facts, TableAnswers
from bouncegate.admin.postfix.senders import lookups
from bouncegate.admin.postfix.sockets import items
from bouncegate.config.probe import ASKED, SIGNED

# Tables in files. A socketmap here is somebody's daemon, or ours, which knows no domains.
_FILE: Final = re.compile(r"(?:proxy:)?(?:hash|btree|cdb|lmdb|texthash|regexp|pcre):[^\s,{}]+")
# Postfix looks up whole addresses only in these (regexp_table(5), pcre_table(5)).
_PATTERNS: Final = re.compile(r"(?:regexp|pcre):")
_PROXY: Final = "proxy:"
# A database that does not answer is tried again for long. One that does takes some milliseconds.
_TIMEOUT: Final = 10.0
_TIMEOUT_PER_KEY: Final = 0.05


def table_answers(facts: Facts, domains: Sequence[str]) -> dict[str, TableAnswers]:
    """By return domain, what the tables of a Postfix say of it."""
    names = _Tables(facts, [*domains, *(f"{ASKED}@{domain}" for domain in domains)])
    senders = _Tables(facts, [*map(_sender, domains), *(f"@{domain}" for domain in domains)])
    return {domain: _answers(facts, domain, names, senders) for domain in domains}


class _Tables:
    """Tables that are asked for the same keys; each is asked when it is first needed."""

    def __init__(self, facts: Facts, keys: Iterable[str]) -> None:
        self._facts = facts
        self._keys = tuple(keys)
        self._found: dict[str, Mapping[str, str] | None] = {}

    def answers(self, table: str) -> Mapping[str, str] | None:
        """By key, what a table says; None where it cannot be asked."""
        if table not in self._found:
            self._found[table] = self._ask(table)
        return self._found[table]

    def answer(self, table: str, key: str) -> str:
        """What a table says of one key; empty where it cannot be asked."""
        return (self.answers(table) or {}).get(key, "")

    def _ask(self, table: str) -> Mapping[str, str] | None:
        queue = self._facts.queue
        try:
            found, _ = run(
                *(self._facts.folder, "postmap", "-q", "-", table.removeprefix(_PROXY)),
                stdin="".join(f"{key}\n" for key in self._keys),
                timeout=_TIMEOUT + _TIMEOUT_PER_KEY * len(self._keys),
                # Paths of sockets are relative to it, as they are for Postfix's daemons.
                cwd=queue if queue.is_dir() else None,
            )
        except NotFound:
            return {}
        except PostfixError:
            return None
        lines = (line.partition("\t") for line in found.splitlines())
        return {key: answer.strip() for key, _, answer in lines}


def _sender(domain: str) -> str:
    """A signed sender below a return domain."""
    return f"{SIGNED}@{domain}"


def _answers(facts: Facts, domain: str, names: _Tables, senders: _Tables) -> TableAnswers:
    def of(parameter: str, key: str) -> dict[str, str]:
        listed = items(facts.values.get(parameter, "")) or []
        found = {one: names.answer(one, key) for one in listed if _FILE.fullmatch(one)}
        return {table: answer for table, answer in found.items() if answer}

    answers = {name: " ".join(of(name, domain).values()) for name in ("transport_maps", *ACCEPTED)}
    return TableAnswers(
        answers={name: text for name, text in answers.items() if text},
        catches=of("transport_maps", f"{ASKED}@{domain}"),
        signed={one.subject: _of_sender(one.tables, domain, senders) for one in lookups(facts)},
    )


def _of_sender(tables: str, domain: str, senders: _Tables) -> str | None:
    """What the first table that knows a signed sender, or else its domain, says of it.

    None where a table before that one cannot be asked.
    """
    listed = [one.removeprefix(_PROXY) for one in items(tables) or [tables]]
    keyed = [(_sender(domain), table) for table in listed]
    keyed += [(f"@{domain}", table) for table in listed if not _PATTERNS.match(table)]
    for key, table in keyed:
        found = senders.answers(table)
        if found is None:
            return None
        if key in found:
            return found[key]
    return ""
