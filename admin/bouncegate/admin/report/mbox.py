"""Bounce messages as an mbox, or as single files.

mbox has no standard (RFC 4155 describes the common ground). This is `mboxrd`: a line that begins
with any number of ">" and then "From " gets one more ">", which makes quoting reversible. All other
octets are unchanged, line ends too; a message without a final newline gets one.
"""

import re
import time as clock
from typing import Final

_FROM: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_TIME_OCTETS: Final = 4
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_DAYS: Final = "MonTueWedThuFriSatSun"


def mbox_entry(raw: bytes, time: int) -> bytes:
    """A message that came at a time, in seconds since 1970, as an mbox entry."""
    quoted = _FROM.sub(rb">\1", raw)
    end = b"\n" if quoted.endswith(b"\n") else b"\n\n"
    return b"From MAILER-DAEMON %b\n%b%b" % (_asctime(time), quoted, end)


def unquoted(body: bytes) -> bytes:
    """The text between two From lines of an mbox, unquoted."""
    return _QUOTED.sub(rb"\1", body)


def eml_name(key: bytes) -> str:
    """The file name of a message by its key in the store: sorted by time."""
    at = clock.gmtime(int.from_bytes(key[:_TIME_OCTETS], "big"))
    return f"{clock.strftime('%Y%m%dT%H%M%SZ', at)}-{key[_TIME_OCTETS:].hex()}.eml"


def _asctime(time: int) -> bytes:
    """The time as by asctime(3) in the C locale, in UTC (RFC 4155, appendix A)."""
    at = clock.gmtime(time)
    day, month = _word(_DAYS, at.tm_wday), _word(_MONTHS, at.tm_mon - 1)
    return f"{day} {month} {at.tm_mday:2d} {clock.strftime('%H:%M:%S %Y', at)}".encode()


def _word(words: str, number: int) -> str:
    return words[3 * number : 3 * number + 3]
