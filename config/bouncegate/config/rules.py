"""The classification rules as data: the operator's first, then those that are shipped.

A rule is a table `[[rule]]` in a TOML file; files are read in the order of their names. The
first rule whose every condition holds gives its reason. The keys:

    id        unique; letters, digits, dots and hyphens
    reason    one of the closed list (`bouncegate.config.taxonomy.Reason`)
    source    where the fact comes from
    date      the day on which the source said so last: 2026-01-07
    text      one or more regular expressions (RE2), any of which is found in the reply
    status    enhanced status codes, or their beginnings: "5.1.1", "5.7", "4"
    code      SMTP reply codes, or their beginnings: "550", "4"
    phase     connect, helo, mail, rcpt, data, end-of-data
    mta       regular expressions, any of which is found in the name of a server involved
    vague     true: its words are in many refusals, so a status about the address comes first
    weak      true: asked only after every other rule found nothing in the words
    refines   true: asked only after another rule gave the general reason of its finer one
    kind, category, blame    other than the reason's own
    examples  texts that the rule must take; a table {text, status, code, phase, mta} where
              the words alone are not enough

Texts are matched as whole words, in lower case, on one line, with each address and URL as `<>`.
"""

import datetime
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from bouncegate.config.problems import ConfigError, Problem, unreadable
from bouncegate.config.reasons import REASONS
from bouncegate.config.regularfile import LARGEST_FILE, read_regular
from bouncegate.config.rulepatterns import pattern_faults, take_everything
from bouncegate.config.taxonomy import CATEGORIES, Blame, Category, Kind, Reason

# How the files of the shipped rules are called; those of the operator have absolute names.
_SHIPPED: Final = "rules/"
PHASES: Final = frozenset({"connect", "helo", "mail", "rcpt", "data", "end-of-data"})

_ID: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_STATUS: Final = re.compile(r"[245](?:\.\d{1,3}){0,2}")
_CODE: Final = re.compile(r"[245]\d{0,2}")
_KEY_LINE: Final = re.compile(r"\s*([A-Za-z_][\w-]*)\s*=")
_HEADER_LINE: Final = re.compile(r"\s*\[\[\s*rule\s*\]\]")

Texts = Annotated[tuple[str, ...], Meta(max_length=200)]


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """A case that a rule must take."""

    text: str = ""
    status: str = ""
    code: str = ""
    phase: str = ""
    mta: str = ""


class Rule(Struct, frozen=True):
    """One rule, and its place."""

    id: str
    reason: Reason
    source: str = ""
    date: datetime.date | None = None
    text: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    phase: tuple[str, ...] = ()
    mta: tuple[str, ...] = ()
    vague: bool = False
    weak: bool = False
    refines: bool = False
    kind: Kind | None = None
    category: Category | None = None
    blame: Blame | None = None
    examples: tuple[Example, ...] = ()
    file: str = ""
    line: int = 0

    @property
    def shipped(self) -> bool:
        """Whether it is one of ours, and not the operator's."""
        return self.file.startswith(_SHIPPED)

    @property
    def citation(self) -> str:
        """Its source, and the day on which that said so last."""
        return f"{self.source} ({self.date})" if self.date else self.source


class Rules(Struct, frozen=True):
    """All rules in the order in which they are asked."""

    rules: tuple[Rule, ...] = ()


_KEYS: Final = frozenset(Rule.__struct_fields__) - {"file", "line"}
_LISTS: Final = frozenset({"text", "status", "code", "phase", "mta", "examples"})


def load_rules(folder: Path | None = None) -> Rules:
    """The rules of the folder (`*.toml`, by name), then the shipped ones.

    A folder that does not exist holds no rules. Raises ConfigError with every problem found.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    for name, text in _sources(folder, problems):
        rules += parse_rules(name, text, problems)
    problems += _duplicates(rules)
    if problems:
        raise ConfigError(problems)
    return Rules(tuple(rules))


def _sources(folder: Path | None, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    for path in _own_files(folder, problems) if folder else ():
        try:
            yield str(path), read_regular(path, LARGEST_FILE).decode()
        except OSError as error:
            problems.append(unreadable(error, path, "the file"))
        except UnicodeDecodeError as error:
            problems.append(Problem(str(path), 0, "", f"cannot read the file: {error}"))
    shipped = files("bouncegate.config").joinpath("rules")
    for entry in sorted(shipped.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            yield f"{_SHIPPED}{entry.name}", entry.read_text("utf-8")


def _own_files(folder: Path, problems: list[Problem]) -> list[Path]:
    """The files of rules of an operator: none where there is no folder."""
    try:
        paths = list(folder.absolute().iterdir())
    except OSError as error:
        if not isinstance(error, FileNotFoundError) or folder.is_symlink():
            problems.append(unreadable(error, folder, "the folder of rules"))
        return []
    return sorted(path for path in paths if path.name.endswith(".toml"))


def parse_rules(name: str, text: str, problems: list[Problem]) -> list[Rule]:
    """The sound rules of one file's text; what is wrong with it is added to the problems."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        problems.append(Problem(name, int(line[1]) if line else 0, "", f"invalid TOML: {error}"))
        return []
    problems += [
        Problem(
            name,
            _line_of(text, key),
            key,
            "unknown key: a rules file has only [[rule]] tables",
        )
        for key in document.keys() - {"rule"}
    ]
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(
            Problem(name, _line_of(text, "rule"), "rule", "write each rule below a line [[rule]]")
        )
        return []
    places = _Places(text)
    read = [_read_rule(table, name, n, places, problems) for n, table in enumerate(tables)]
    return [rule for rule in read if rule is not None]


class _Places:
    """The lines on which rules and their keys stand, which tomllib does not tell."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[int, dict[str, int]]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if _HEADER_LINE.match(line):
                self._rules.append((number, {}))
            elif self._rules and (match := _KEY_LINE.match(line)):
                self._rules[-1][1].setdefault(match[1], number)

    def line(self, rule: int, key: str = "") -> int:
        if rule >= len(self._rules):
            return 0
        header, keys = self._rules[rule]
        return keys.get(key, header)


def _read_rule(
    table: dict[str, Any], name: str, number: int, places: _Places, problems: list[Problem]
) -> Rule | None:
    before = len(problems)
    label = table.get("id") if isinstance(table.get("id"), str) else f"rule {number + 1}"

    def complain(key: str, text: str) -> None:
        problems.append(
            Problem(name, places.line(number, key), f"{label}.{key}" if key else str(label), text)
        )

    for key in table.keys() - _KEYS:
        complain(key, f"unknown key: a rule has {', '.join(sorted(_KEYS))}")
    values = {
        key: _as_list(value) if key in _LISTS else value
        for key, value in table.items()
        if key in _KEYS
    }
    if "examples" in values:
        values["examples"] = [{"text": e} if isinstance(e, str) else e for e in values["examples"]]
    for key in {"id", "reason"} - values.keys():
        complain("", f"missing key {key!r}")
    if len(problems) > before:
        return None
    try:
        rule = msgspec.convert(
            {**values, "file": name, "line": places.line(number)}, Rule, strict=True
        )
    except msgspec.ValidationError as error:
        place = re.search(r"\$\.(\w+)", str(error))
        faulty = place[1] if place else ""
        complain(faulty, _type_text(faulty, str(error)))
        return None
    # A test tries the shipped ones: compiling each pattern alone takes as long as all at once.
    for key, text in () if rule.shipped else faults(rule):
        complain(key, text)
    return rule if len(problems) == before else None


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _type_text(key: str, error: str) -> str:
    if key == "reason":
        return f"{error}; a reason is one of {', '.join(sorted(REASONS))}"
    if key == "date":
        return f"{error}; write a day as 2026-01-07"
    return error


def faults(rule: Rule) -> Iterator[tuple[str, str]]:
    """What is wrong within one rule: key and text."""
    if not _ID.fullmatch(rule.id):
        yield "id", "invalid id: use lower-case letters, digits, dots and hyphens"
    if not (rule.text or rule.status or rule.code or rule.phase or rule.mta):
        yield "", "the rule matches every bounce: set text, status, code, phase or mta"
    if rule.refines:
        yield from _refining_faults(rule)
    if not rule.examples:
        yield "", 'examples is missing: add a text that the rule matches, examples = ["550 ..."]'
    for key, patterns in (("text", rule.text), ("mta", rule.mta)):
        yield from ((key, fault) for fault in pattern_faults(key, patterns))
    if _takes_everything(rule):
        yield "", "the conditions match every bounce: add a specific one"
    yield from _code_faults(rule)
    kind = rule.kind or REASONS[rule.reason].kind
    if rule.kind or rule.category:
        category = rule.category or REASONS[rule.reason].category
        if category not in CATEGORIES.get(kind, {Category.UNDEFINED}):
            allowed = ", ".join(sorted(CATEGORIES.get(kind, {Category.UNDEFINED})))
            yield (
                "category",
                f"{category!r} is not a category of {kind} bounces: write one of {allowed}",
            )


def _refining_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.reason.is_finer:
        yield "refines", f"{rule.reason} is general and refines nothing: name a finer reason"
    for key in ("weak", "kind", "category", "blame"):
        if getattr(rule, key):
            yield key, f"a rule that refines leaves it to the deciding one: remove {key}"


def _code_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    for key, values, form, hint in (
        ("status", rule.status, _STATUS, '"5.1.1", "5.7" or "4"'),
        ("code", rule.code, _CODE, '"550", "45" or "5"'),
    ):
        for value in values:
            if not form.fullmatch(value):
                yield key, f"invalid value {value!r}: write {hint}"
    for value in set(rule.phase) - PHASES:
        yield "phase", f"unknown phase {value!r}: write one of {', '.join(sorted(PHASES))}"


def _takes_everything(rule: Rule) -> bool:
    """Whether all that it asks for is so of every bounce."""
    every = {"4", "5"}
    conditions = (
        (rule.text, take_everything("text", rule.text)),
        (rule.mta, take_everything("mta", rule.mta)),
        (rule.status, every <= set(rule.status)),
        (rule.code, every <= set(rule.code)),
        (rule.phase, set(rule.phase) >= PHASES),
    )
    given = [holds for values, holds in conditions if values]
    return bool(given) and all(given)


def _duplicates(rules: list[Rule]) -> Iterator[Problem]:
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.id, rule)
        if other is not rule:
            text = f"duplicate id, also in {other.file}, line {other.line}: give each rule its own"
            yield Problem(rule.file, rule.line, f"{rule.id}.id", text)


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"\s*(?:\[+\s*)?{re.escape(key)}\b")
    return next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 0)
