"""The files of a configuration: the config file, and the drop-ins of the folder beside it.

`postfix enable` and configuration management write drop-ins, so that the config file stays as the
administrator and the package wrote it. They are read in the order of their names and merged by
table: a key of a later file replaces that of an earlier one. A list is one value, and so is an
array of tables.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.config.places import Place, Places, last_line
from bouncegate.config.problems import ConfigError, Problem, unreadable
from bouncegate.config.regularfile import LARGEST_FILE, read_regular
from bouncegate.config.text import counted

_MAIN: Final = "bouncegate.toml"
_DROP_INS: Final = "conf.d"
_SUFFIX: Final = ".toml"


class Source(NamedTuple):
    """A file of a configuration."""

    name: str
    text: str


class Merged(NamedTuple):
    """What all files say together."""

    table: Mapping[str, object]
    places: Places


class Value(NamedTuple):
    """A key that a file sets."""

    key: str
    value: object
    place: Place
    replaced: tuple[Place, ...]
    """Where earlier files set it."""


def drop_in_folder(path: Path) -> Path:
    """`conf.d` beside `bouncegate.toml`; `NAME.d` beside another `NAME.toml`."""
    return path.with_name(_DROP_INS if path.name == _MAIN else f"{path.stem}.d")


def drop_ins(path: Path) -> list[Path]:
    """The drop-ins of a config file in their order; raises ConfigError."""
    folder = drop_in_folder(path)
    try:
        names = [one.name for one in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError([unreadable(error, folder, "the folder of drop-ins")]) from None
    wanted = (one for one in names if one.endswith(_SUFFIX) and not one.startswith("."))
    return [folder / one for one in sorted(wanted)]


def sources_of(path: Path, *, optional: bool = False) -> list[Source]:
    """A config file and its drop-ins; raises ConfigError with all that cannot be read.

    `optional`: there may be no config file.
    """
    sources, problems = list[Source](), list[Problem]()
    absent = optional and _is_missing(path)
    for one in (*(() if absent else (path,)), *drop_ins(path)):
        try:
            sources.append(Source(str(one), _text_of(one)))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return sources


def merged(sources: Sequence[Source]) -> Merged:
    """What the files say together; raises ConfigError with all that are no TOML."""
    table: dict[str, object] = {}
    places = Places(sources[0].name if sources else "-")
    problems = list[Problem]()
    for source in sources:
        try:
            found = _parsed(source)
        except ConfigError as error:
            problems += error.problems
            continue
        _merge(table, found)
        places.add(source.name, source.text)
    if problems:
        raise ConfigError(problems)
    return Merged(table, places)


def values_of(sources: Sequence[Source]) -> list[Value]:
    """The keys that the files set, each with its file and line; raises ConfigError."""
    found: dict[str, Value] = {}
    for source in sources:
        places = Places(source.name)
        places.add(source.name, source.text)
        for key, value in _flat(_parsed(source), ""):
            earlier = found.pop(key, None)
            replaced = (*earlier.replaced, earlier.place) if earlier else ()
            found[key] = Value(key, value, places.of(key), replaced)
    return list(found.values())


def shown(value: object) -> str:
    """A value as TOML writes it; an array of tables by their number."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return counted(len(value), "table")
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_missing(path: Path) -> bool:
    """Whether there is nothing; not where this user may not look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _text_of(path: Path) -> str:
    try:
        octets = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise ConfigError([unreadable(error, path, "the config file")]) from None
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            [Problem(str(path), line, "", "not in UTF-8: save it as UTF-8")]
        ) from None


def _parsed(source: Source) -> dict[str, object]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        line = last_line(source.text, str(error))
        raise ConfigError([Problem(source.name, line, "", f"invalid TOML: {error}")]) from None


def _merge(into: dict[str, object], table: Mapping[str, object]) -> None:
    for name, value in table.items():
        earlier = into.get(name)
        if isinstance(value, dict) and isinstance(earlier, dict):
            _merge(earlier, value)
        else:
            into[name] = value


def _flat(table: Mapping[str, object], path: str) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = f"{path}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        else:
            yield key, value
