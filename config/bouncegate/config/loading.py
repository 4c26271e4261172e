"""From TOML files to `Settings`: defaults, then the files, then what must hold between keys.

All problems of the files are found in one go, each with its file, its line, its key and what would
be right, so that an operator mends a file once and not once for every mistake.
"""

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import fields, replace

from bouncegate.config.contradictions import contradictions
from bouncegate.config.problems import ConfigError, Problem
from bouncegate.config.settings import Settings
from bouncegate.config.sources import Source, merged, sources_of
from bouncegate.config.values import ONE_OR_MORE, PARSERS

_S = TypeVar("_S", bound=msgspec.Struct)

_SPOOL: Final = "the spool of notices was removed; delete this line"
# Keys of earlier versions are ignored with a note: an upgrade must not stop a daemon.
_REMOVED: Final[dict[str, str]] = {
    "local.judge": (
        "the milter does not filter mail from sendmail(1) any more; "
        'run "bouncegate postfix enable --map" to have Postfix bounce it, and delete this line'
    ),
    "local.notices_an_hour": _SPOOL,
    "local.notices_waiting": _SPOOL,
}
_NOT_A_KEY: Final = "removed"


def load(path: Path) -> Settings:
    """The settings of a file and its drop-ins; raises ConfigError with all their problems."""
    return settings_of(sources_of(path))


def loads(text: str, name: str = "-") -> Settings:
    """The settings of a TOML text; `name` is what problems call it. Raises ConfigError."""
    return settings_of([Source(name, text)])


def settings_of(sources: Sequence[Source]) -> Settings:
    """The settings of several files, the first one first; raises ConfigError."""
    table, places = merged(sources)
    problems: list[tuple[str, str]] = []
    settings = _section(Settings(), table, "", problems)
    settings = replace(settings, removed=tuple(_removed_keys(table)))
    problems += list(contradictions(settings, frozenset(key for key, _ in problems)))
    if problems:
        order = {source.name: number for number, source in enumerate(sources)}
        found = [Problem(*places.of(key), key, complaint) for key, complaint in problems]
        raise ConfigError(sorted(found, key=lambda one: (order[one.file], one.line)))
    return settings


def _section(
    defaults: _S, table: Mapping[str, object], path: str, problems: list[tuple[str, str]]
) -> _S:
    """The defaults of a section with what its table sets; what is wrong goes to `problems`."""
    known = {field.name: field.type for field in fields(defaults) if field.name != _NOT_A_KEY}
    values: dict[str, object] = {}
    for name, value in table.items():
        key = f"{path}{name}"
        if key in _REMOVED:
            continue
        if name not in known:
            problems.append((key, _unknown(name, list(known))))
            continue
        try:
            values[name] = _value(known[name], getattr(defaults, name), value, key, problems)
        except ValueError as error:
            problems.append((key, str(error)))
    return replace(defaults, **values)


def _removed_keys(table: Mapping[str, object]) -> Iterator[str]:
    """What to do about each key of an earlier version that a file sets."""
    for key, text in _REMOVED.items():
        section, _, name = key.partition(".")
        found = table.get(section)
        if isinstance(found, Mapping) and name in found:
            yield f"[{section}] {name} is ignored: {text}"


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    advice = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(sorted(known))}"
    return f"unknown key: {advice}"


def _value(
    kind: Any, default: object, value: object, key: str, problems: list[tuple[str, str]]
) -> object:
    """One value of the type that a settings class asks for; raises ValueError."""
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{value!r} contains a NUL character: remove it")
    kind = _without_none(kind)
    if _takes_one_or_more(kind):
        kind, value = kind.__origin__, value if isinstance(value, list) else [value]
    if kind in PARSERS:
        return PARSERS[kind](value)
    if isinstance(default, msgspec.Struct):
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a section, got {value!r}: write [{key}]")
        return _section(default, value, f"{key}.", problems)
    if kind is Path:
        return _path(value)
    if get_origin(kind) is tuple:
        return _items(get_args(kind)[0], value, key, problems)
    return _plain(kind, value)


def _without_none(kind: Any) -> Any:
    """The type that may be None without that: a file cannot say None."""
    return get_args(kind)[0] if types.NoneType in get_args(kind) else kind


def _takes_one_or_more(kind: Any) -> bool:
    return get_origin(kind) is Annotated and ONE_OR_MORE in kind.__metadata__


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError(f'{value!r} is no path: write an absolute one, such as "/var/lib/..."')
    return Path(value)


def _items(
    kind: Any, value: object, key: str, problems: list[tuple[str, str]]
) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, got {value!r}: write it in square brackets")
    items: list[object] = []
    # Each table of a list of tables has a key of its own: [[reply.groups]] is `reply.groups.1`.
    default = kind() if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
    for number, item in enumerate(value):
        own = key if default is None else f"{key}.{number + 1}"
        try:
            items.append(_value(kind, default, item, own, problems))
        except ValueError as error:
            problems.append((key, f"item {number + 1}: {error}"))
    return tuple(items)


def _plain(kind: Any, value: object) -> object:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        choices = _choices(kind)
        if choices:
            text = f"invalid value {value!r}: {_advice(value, choices)}"
        raise ValueError(text[:1].lower() + text[1:]) from None


def _advice(value: object, choices: tuple[object, ...]) -> str:
    close = difflib.get_close_matches(str(value), map(str, choices), 1)
    advice = f"did you mean {close[0]!r}? " if close else ""
    return f"{advice}write one of {', '.join(map(repr, choices))}"


def _choices(kind: Any) -> tuple[object, ...]:
    kind = getattr(kind, "__value__", kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(choice.value for choice in kind)
    return tuple(arg for arg in get_args(kind) if isinstance(arg, str | int))
