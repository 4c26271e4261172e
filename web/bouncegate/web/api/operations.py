"""The table of everything that programs may ask and change."""

from typing import Final

from bouncegate.web.api import (
    addresses,
    batches,
    check,
    decisions,
    endpoints,
    feed,
    locks,
    reports,
    unlocks,
    whoami,
)
from bouncegate.web.api.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *whoami.OPERATIONS,
    *check.OPERATIONS,
    *addresses.OPERATIONS,
    *locks.OPERATIONS,
    *batches.OPERATIONS,
    *unlocks.OPERATIONS,
    *decisions.OPERATIONS,
    *reports.OPERATIONS,
    *feed.OPERATIONS,
    *endpoints.OPERATIONS,
)
