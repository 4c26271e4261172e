"""Finds the start of the returned message in a notice without MIME parts.

Text after that point is not part of the notice: the words of the returned message must not count
as a failure.
"""

import re
from typing import Final

from bouncegate.classifier.phrases import Phrases

_NAMES: Final = (
    r"received|return-path|message-id|mime-version|from|to|cc|date|subject|sender|reply-to|x-[\w-]+"
    r"|content-[\w-]+|delivered-to|dkim-signature|domainkey-signature|arc-[\w-]+|list-[\w-]+"
    r"|references|in-reply-to|authentication-results|received-spf|importance|user-agent"
    r"|precedence|resent-[\w-]+|thread-[\w-]+"
)
# Three consecutive header fields at the margin, which do not occur in the text of a notice. A quote
# mark may precede each. Both searches begin with the newline before the line, not with `^`: the
# engine finds a literal character much faster than it checks an assertion at each position.
_HEADER: Final = re.compile(
    rf"\n(?:(?:> ?)?(?:{_NAMES})[ \t]*:(?!/).*\n(?:>?[ \t]+\S.*\n)*){{3}}", re.IGNORECASE
)
# Lines that announce the returned message.
_ANNOUNCEMENTS: Final = (
    (
        r"(?:below (?:this line )?(?:is|follows)|this is|included is|here (?:is|follows)"
        r"|attached is) (?:a|the) copy of (?:the|your)\b.*"
    ),
    (
        r"(?:your |the )?(?:original|unsent|returned|undelivered) (?:message|mail|e-?mail)"
        r"(?: (?:follows|below|headers?|text|begins?|is (?:following|attached|below|included)))?"
        r"[ .:=_*-]*"
    ),
    (
        r"(?:the )?(?:message )?headers?(?: of the original message)?(?: lines?)? (?:follow"
        r"|is following).*"
    ),
    r"(?:the )?headers? of (?:the|your) (?:original )?(?:message|mail)\b.*",
    r"old message:|original message as received.*|original mail info.*|message text follows.*",
    r"(?:first |the )?\d* ?lines of the (?:original )?message.*",
    r"urspr(?:ü|ue)ngliche (?:nachricht|mail)\b.*|der header der (?:ursprünglichen|originalen)\b.*",
    r"mensaje original\b.*|message d'origine\b.*|message original\b.*|messaggio originale\b.*",
    r"mensagem original\b.*|исходное (?:сообщение|письмо)\b.*|oryginalna wiadomość\b.*",
    r"元のメッセージ.*|原始邮件.*|originalnachricht.*",
)
_SEPARATOR: Final = re.compile(
    rf"\n[ \t>*=_#|-]*(?:{'|'.join(_ANNOUNCEMENTS)})$", re.IGNORECASE | re.MULTILINE
)
# A field name at the margin, or a word that every announcement has. Without either, the searches
# above are skipped.
_HINTS: Final = Phrases(
    (
        (
            r"(?m)^(?:> ?)?(?:received|return-path|message-id|mime-version|from|to|date|subject"
            r"|x-[\w-]+)[ \t]*:"
        ),
        (
            r"copy of|original|old message|unsent|returned|undelivered|header|lines of|text follows"
            r"|urspr|mensa|message d|messaggio|исходное|oryginalna|元の|原始"
        ),
    )
)
_HAS_FIELD, _HAS_WORD = range(2)


def cut_at_returned(text: str) -> tuple[str, str]:
    """The text before the returned message, and that message, `""` if there is none."""
    hints = _HINTS.found(text)
    # With a newline in front, the start of a line in `text` is the index of its newline in `lines`.
    lines = "\n" + text
    header = _HEADER.search(lines) if _HAS_FIELD in hints else None
    end = header.start() if header else len(text)
    separator = _SEPARATOR.search(lines, 0, end + 1) if _HAS_WORD in hints else None
    if separator and text[: separator.start()].strip():
        return text[: separator.start()], text[end if header else separator.end() - 1 :]
    return text[:end], text[end:]
