"""Lists of addresses with explanations, for all readers of prose.

A notice names a recipient at the start of a line, bare or in brackets, with the explanation after
or below it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS, bare
from bouncegate.classifier.reply import dissect
from bouncegate.classifier.report import Report


class RecipientBlock(NamedTuple):
    """One recipient and its explanation."""

    address: str
    explanation: str
    alias: str = ""
    """The address that was mailed and expanded to this one, where the explanation lacks it."""


# Brackets, quotes, bullets and types before an address in a list.
_BEFORE: Final = (
    r"[ \t>*•·|+-]{0,24}(?:\d{1,4}[.)][ \t]{1,4})?"
    r"(?:(?:(?:mailto|smtp|rfc822|to|address)[ \t]?[:;=]|(?:smtp|rfc822)(?=[ \t\"'<(\[])"
    r"|(?:(?:intended |failed |final |original )?recipients?|addressee|undeliverable address"
    r"|addressed to|recipient address|empfänger|destinataire|destinat[aá]rio|ontvanger|получатель"
    r"|odbiorca|příjemce|mottagare|宛先|宛先アドレス|送信先|收件人|收件者|받는 사람)"
    r"[ \t]?[:;=\uff1a][ \t]{0,8})[ \t]?)?[\"'<(\[]{0,3}"
)
_ENTRY: Final = re.compile(
    rf"^{_BEFORE}(?P<address>{ADDRESS})[\"'>)\]]{{0,3}}(?P<rest>(?:[ \t:;,.(\[…-].*)?)$",
    re.IGNORECASE | re.MULTILINE,
)
# The alias that was mailed and expanded to the address that failed: Exim, Sendmail, Postfix.
_ALIAS: Final = re.compile(
    rf"\((?:ultimately )?(?:generated|expanded) from:? <?(?P<alias>{ADDRESS})>?\)", re.IGNORECASE
)
# A colon or a full stop after an address is not an explanation.
_SHORT_REST: Final = 2
_BLANK: Final = re.compile(r"\n[ \t]*\n")
# A shorter text such as `(unrecoverable error)` explains nothing, unless it is a reply.
_SAYS_SOMETHING: Final = 40
_RULE: Final = re.compile(r"^[ \t]*(?:[-=_*#~|]{4,}|--- ).*$", re.MULTILINE)


def entries(text: str) -> list[RecipientBlock]:
    """Each line that begins with an address, with the text up to the next such line or rule."""
    matches = list(_lines_with_address(text))
    found: list[RecipientBlock] = []
    for n, match in enumerate(matches):
        end = matches[n + 1].start() if n + 1 < len(matches) else len(text)
        stop = _RULE.search(text, match.end(), end)
        below = text[match.end() : stop.start() if stop else end]
        found.append(RecipientBlock(bare(match["address"]), _explanation(match["rest"], below)))
    return found


def _explanation(rest: str, below: str) -> str:
    """The text after and below an address, up to a blank line once the explanation has begun."""
    blank = _BLANK.search(below)
    if blank:
        beginning = _joined(rest, below[: blank.start()])
        if len(beginning) > _SAYS_SOMETHING or dissect(beginning).code:
            return beginning
    return _joined(rest, below)


def _lines_with_address(text: str) -> Iterator[re.Match[str]]:
    begin = 0
    last: re.Match[str] | None = None
    for _ in range(limits.RECIPIENTS):
        at = text.find("@", begin)
        if at < 0:
            return
        match = _ENTRY.match(text, text.rfind("\n", 0, at) + 1)
        if match and not (last and _goes_on(text, last, match)):
            yield match
            last = match
        begin = text.find("\n", at)
        if begin < 0:
            return


def _goes_on(text: str, entry: re.Match[str], line: re.Match[str]) -> bool:
    """Whether a line is part of the explanation of the entry above it.

    Such a line is indented further, there is no blank line between, and the explanation has begun:
    a folded line of a server's reply may begin with an address.
    """
    between = text[entry.end() : line.start()]
    return (
        len(entry["rest"]) > _SHORT_REST
        and _indent(line) > _indent(entry)
        and len(between) < limits.DIAGNOSTIC
        and "\n\n" not in between
    )


def _indent(line: re.Match[str]) -> int:
    return len(line[0]) - len(line[0].lstrip(" \t"))


def reports(found: Iterable[RecipientBlock], reader: str, action: str = "failed") -> list[Report]:
    """A report for each address, as its first entry spells it, with its longest explanation."""
    best: dict[str, RecipientBlock] = {}
    for entry in found:
        key = entry.address.lower()
        known = best.get(key)
        if known is None:
            best[key] = entry
        elif len(entry.explanation) > len(known.explanation):
            best[key] = known._replace(explanation=entry.explanation)
    return [_report(entry, reader, action) for entry in best.values()]


def _report(entry: RecipientBlock, reader: str, action: str) -> Report:
    reply = dissect(entry.explanation)
    return Report(
        final_recipient=entry.address,
        original_recipient=entry.alias or alias_in(entry.explanation),
        action=action,
        status=reply.status,
        diagnostic=entry.explanation[: limits.DIAGNOSTIC],
        reply_code=reply.code,
        phase=reply.phase,
        remote_mta=reply.host,
        reader=reader,
    )


def alias_in(explanation: str) -> str:
    """The alias that an explanation names as the address that was mailed, `""` without one."""
    alias = _ALIAS.search(explanation) if " from" in explanation else None
    # Behind a second reason of Sendmail's it belongs to a program, whose name is no address.
    is_own = alias is not None and explanation.count("(reason:", 0, alias.start()) < 2
    return alias["alias"] if alias and is_own else ""


def _joined(rest: str, below: str) -> str:
    return " ".join(f"{rest} {below[: 2 * limits.DIAGNOSTIC]}".lstrip(" \t:;,.-").split())
