"""The table of everything that programs may ask and change."""

from typing import Final

from bouncegate.web.api import addresses, check, feed, reports, whoami
from bouncegate.web.api.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *whoami.OPERATIONS,
    *check.OPERATIONS,
    *addresses.OPERATIONS,
    *reports.OPERATIONS,
    *feed.OPERATIONS,
)
