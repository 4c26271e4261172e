"""One message on standard input, as pipe(8) and aliases(5) hand it over.

pipe(8) drops a message with the null sender for good when its command ends with any code that
it does not know as temporary; so there are two ways out only: 0 when the message is durable,
and EX_TEMPFAIL for all else.
"""

import logging
import os
import time
from typing import BinaryIO, Final

from bouncegate.classifier.intake import Intake
from bouncegate.policy.fold import Fold
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.receive")


def receive(stream: BinaryIO, store: Store, intake: Intake, fold: Fold, most: int) -> int:
    """Read and record one message of at most `most` octets; tells the exit code."""
    try:
        raw = stream.read(most + 1)
        if len(raw) > most:
            log.error("deferred: larger than [return_path] max_size, %d octets", most)
            return os.EX_TEMPFAIL
        bounce = intake.bounce_of(raw, int(time.time()))
        if bounce is not None:
            for outcomes in store.record([bounce], fold):
                intake.log(outcomes)
    except StoreError as error:
        log.error("deferred: %s", error)
        return os.EX_TEMPFAIL
    except Exception:
        log.exception("deferred: a fault of ours; please report it with this trace")
        return os.EX_TEMPFAIL
    return os.EX_OK
