"""Our sockets as Postfix writes them, and the lists that name them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.config.endpoints import Endpoint, UnixSocket

MILTER: Final = "bouncegate_milter"
RETURN_DOMAIN: Final = "bouncegate_return_domain"
RETURN_PATH: Final = "bouncegate_return_path"
RETURN_RECIPIENTS: Final = "bouncegate_return_recipients"
MAP: Final = "bouncegate_map"
RETURN_TO_SENDER: Final = "bouncegate_return_to_sender"
RESTRICTIONS: Final = "bouncegate_recipient_restrictions"
OURS: Final = (
    MILTER, RETURN_DOMAIN, RETURN_PATH, RETURN_RECIPIENTS, MAP, RETURN_TO_SENDER, RESTRICTIONS,
)  # fmt: skip
"""Parameters of our own in main.cf, to which those of Postfix refer with a $."""

# An item of a list: in braces with settings of its own (3.0), or bare. Braces nest no deeper than
# in the inline tables that we write.
_ITEM: Final = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|[^\s,{}]+(?:\{(?:[^{}]|\{[^{}]*\})*\})?")
_BETWEEN: Final = re.compile(r"[\s,]*")
_ENDPOINT: Final = re.compile(r"(?:unix|local|inet|inet6):\S+")


class Unreachable(NamedTuple):
    """A socket that a service of Postfix cannot reach, and what to do."""

    text: str
    fix: str


def spellings(endpoint: Endpoint, queue: Path) -> frozenset[str]:
    """All spellings of an endpoint: a path in the queue folder also relative to it."""
    if not isinstance(endpoint, UnixSocket):
        return frozenset({str(endpoint)})
    found = {f"unix:{endpoint.path}"}
    if endpoint.path.is_relative_to(queue):
        found.add(f"unix:{endpoint.path.relative_to(queue)}")
    return frozenset(found)


def mentions(text: str, wanted: Iterable[str]) -> bool:
    """Whether a parameter contains one of the names as a whole word."""
    return any(re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w./-])", text) for name in wanted)


def address_for(
    endpoint: Endpoint, queue: Path, chrooted: Iterable[str], setting: str
) -> str | Unreachable:
    """How Postfix must write an endpoint for all of its services to reach it.

    `chrooted` are the services in a chroot that use it; `setting` is its key in our config.
    """
    if not isinstance(endpoint, UnixSocket):
        return str(endpoint)
    if endpoint.path.is_relative_to(queue):
        # Postfix resolves such a path from its queue folder, inside and outside of a chroot.
        return f"unix:{endpoint.path.relative_to(queue)}"
    if inside := ", ".join(chrooted):
        where = f"unix:{queue / 'bouncegate' / endpoint.path.name}"
        return Unreachable(
            f"{inside} in a chroot cannot reach {endpoint.path}",
            f'set {setting} = "{where}", restart the daemon, and try again',
        )
    return f"unix:{endpoint.path}"


def items(value: str) -> list[str] | None:
    """The items of a list, separated by commas or white space; None if it cannot be parsed."""
    found = []
    place = 0
    text = value.strip()
    while place < len(text):
        between = _BETWEEN.match(text, place)
        place = between.end() if between else place
        if place == len(text):
            break
        item = _ITEM.match(text, place)
        if item is None:
            return None
        found.append(item[0])
        place = item.end()
    return found


def is_milter(item: str) -> bool:
    """Whether an item of smtpd_milters can be parsed."""
    inner = items(item[1:-1]) if item.startswith("{") and item.endswith("}") else [item]
    return inner is not None and bool(inner) and _ENDPOINT.fullmatch(inner[0]) is not None


def inline(pairs: Iterable[tuple[str, str]]) -> str:
    """An inline: table (DATABASE_README)."""
    return f"inline:{{ {', '.join(f'{key}={value}' for key, value in pairs)} }}"


def compact(value: str) -> str | None:
    """A list as one word, as `postconf -P` needs it; None if that is impossible."""
    words = [_word(item) for item in items(value) or ()]
    if items(value) is None or any(word is None or re.search(r"\s", word) for word in words):
        return None
    return ",".join(filter(None, words))


def _word(item: str) -> str | None:
    if not item.startswith("{"):
        return item
    inner = items(re.sub(r"\s*=\s*", "=", item[1:-1]))
    return None if inner is None else "{" + ",".join(inner) + "}"
