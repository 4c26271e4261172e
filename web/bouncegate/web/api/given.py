"""What requests have in common: addresses as the store knows them, marks of versions, bounds."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from bouncegate.admin.lists.asking import keys_of
from bouncegate.admin.lists.lines import Line
from bouncegate.store.address import AddressError, canonical
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call

_T = TypeVar("_T")


class Items(Struct, Generic[_T]):
    """All there is."""

    items: list[_T]


class Page(Struct, Generic[_T]):
    """Some of many."""

    items: list[_T]
    next: str | None = None
    """What `after` is for the next page; null: there is none."""


def address_in(call: Call) -> str:
    """The address, or @domain, that the path names; raises Problem."""
    return key_of(call, call.request.path_params["address"])


def key_of(call: Call, text: str) -> str:
    """An address as the store knows it; raises Problem."""
    try:
        return canonical(text, fold=call.site.settings.store.fold_local_part)
    except AddressError as error:
        raise refused("address", str(error)) from None


def keys_in(call: Call, given: Sequence[str]) -> list[str]:
    """Addresses as the store knows them, each once; raises Problem if one is none."""
    require_few(call, given)
    lines = (Line(number, text) for number, text in enumerate(given))
    asked = keys_of(lines, fold=call.site.settings.store.fold_local_part)
    for fault in asked.faults:
        raise refused("address", f"addresses[{fault.number}]: {fault.english}")
    return asked.keys


def require_few(call: Call, given: Sequence[object]) -> None:
    """Raise Problem if these are more than a request may have."""
    most = call.site.settings.api.max_batch
    if len(given) > most:
        raise refused("too-many", f"at most {most}", limit=most)


def version_of(call: Call, address: str) -> str:
    """The mark of what is known of an address: the number of its last entry, as an ETag."""
    return f'"{call.site.store.journal.last_of(address)}"'


def require_unchanged(call: Call, address: str) -> None:
    """Raise Problem unless `If-Match`, if there is one, names the version of now."""
    wanted = call.request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    version = version_of(call, address)
    if version not in {one.strip() for one in wanted.split(",")}:
        raise refused("changed", f"it is {version} now", headers={"etag": version})
