"""Structs that repeat fields of another object."""

from typing import TypeVar

from msgspec import Struct

_S = TypeVar("_S", bound=Struct)


def struct_from(source: object, form: type[_S], **given: object) -> _S:
    """A struct with what is given, else the fields of `source` of the same names, else defaults."""
    names = (n for n in form.__struct_fields__ if n not in given and hasattr(source, n))
    return form(**{name: getattr(source, name) for name in names}, **given)
