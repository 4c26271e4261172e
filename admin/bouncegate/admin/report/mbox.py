"""Bounce messages in an mbox, or as files of their own.

mbox has no standard (RFC 4155 names the common ground). This is `mboxrd`: a line of the message
that begins with any number of ">" and then "From " gets one more ">", so that it neither begins a
message nor cannot be told from one that had the ">" already. All other octets stay as they are,
line ends too; a message that does not end in one gets a newline, without which the next message
would begin amid its last line.
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
    """A message that came at a time, in seconds since 1970, as it stands in an mbox."""
    quoted = _FROM.sub(rb">\1", raw)
    end = b"\n" if quoted.endswith(b"\n") else b"\n\n"
    return b"From MAILER-DAEMON %b\n%b%b" % (_asctime(time), quoted, end)


def unquoted(body: bytes) -> bytes:
    """What stands between the From lines of an mbox, as it was before it was quoted."""
    return _QUOTED.sub(rb"\1", body)


def eml_name(key: bytes) -> str:
    """The name of the file of a message, by the key under which it is kept: in order of time."""
    at = clock.gmtime(int.from_bytes(key[:_TIME_OCTETS], "big"))
    return f"{clock.strftime('%Y%m%dT%H%M%SZ', at)}-{key[_TIME_OCTETS:].hex()}.eml"


def _asctime(time: int) -> bytes:
    """As asctime(3) writes it in the C locale, in UTC (RFC 4155, appendix A)."""
    at = clock.gmtime(time)
    day, month = _word(_DAYS, at.tm_wday), _word(_MONTHS, at.tm_mon - 1)
    return f"{day} {month} {at.tm_mday:2d} {clock.strftime('%H:%M:%S %Y', at)}".encode()


def _word(words: str, number: int) -> str:
    return words[3 * number : 3 * number + 3]
