"""The NOTIFY parameter of RCPT TO (RFC 3461, 4.1): whether a failure is reported at all.

For `NOTIFY=NEVER`, or without FAILURE, Postfix writes no DSN: that none comes then says nothing.
Postfix refuses a second NOTIFY, and values that it does not know.
"""

from collections.abc import Sequence
from typing import Final

_NAME: Final = b"NOTIFY="
_FAILURE: Final = b"FAILURE"


def is_failure_reported(parameters: Sequence[bytes]) -> bool:
    """Whether a DSN comes for a recipient with these ESMTP parameters, if it fails."""
    values = (one.upper() for one in parameters)
    notify = next((one for one in values if one.startswith(_NAME)), None)
    return notify is None or _FAILURE in notify.removeprefix(_NAME).split(b",")
