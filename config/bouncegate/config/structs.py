"""Structs that repeat fields of another object."""

from functools import lru_cache
from typing import TypeVar

from msgspec import Struct

_S = TypeVar("_S", bound=Struct)


def struct_from(source: object, form: type[_S], **given: object) -> _S:
    """A struct with what is given, else the fields of `source` of the same names, else defaults."""
    if isinstance(source, Struct):
        names = _shared(type(source), form, frozenset(given))
    else:
        names = _names(source, form, frozenset(given))
    return form(**{name: getattr(source, name) for name in names}, **given)


@lru_cache(256)
def _shared(kind: type[Struct], form: type[Struct], given: frozenset[str]) -> tuple[str, ...]:
    """The same for all of a kind: a list asks a thousand times."""
    return _names(kind, form, given)


def _names(source: object, form: type[Struct], given: frozenset[str]) -> tuple[str, ...]:
    """The fields of a form that are not given and that something has."""
    return tuple(n for n in form.__struct_fields__ if n not in given and hasattr(source, n))
