"""Records one message from standard input, as pipe(8) and aliases(5) deliver it.

pipe(8) drops a message with the null sender for good when its command ends with any code that
it does not know as temporary; so there are two ways out only: 0 when the message is durable,
and EX_TEMPFAIL for all else.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.proof import NotYetKnown
from bouncegate.classifier.returnpath.recorder import TRANSIENT
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Bounce, Recorded
from bouncegate.store.tokens.keys import KeyFileError

log: Final = logging.getLogger("bouncegate.receive")


def receive(
    stream: BinaryIO,
    most: int,
    recipients: Sequence[str],
    builder: BounceBuilder,
    record: Callable[[Bounce], list[Recorded]],
) -> int:
    """Read and record one message of at most `most` octets; returns the exit code.

    `recipients` are the return paths to which it was delivered, as far as they are known.
    """
    try:
        raw = stream.read(most + 1)
        if len(raw) > most:
            log.error("deferred: larger than [return_path] max_size, %d octets", most)
            return os.EX_TEMPFAIL
        _take(raw, recipients, builder, record)
    except NotYetKnown:
        log.warning("deferred: the ledger does not know the message that bounced yet")
        return os.EX_TEMPFAIL
    except (StoreError, KeyFileError) as error:
        log.error("deferred: %s", error)
        return os.EX_TEMPFAIL
    except Exception:
        log.exception("deferred: internal error, please report it with this trace")
        return os.EX_TEMPFAIL
    return os.EX_OK


def _take(
    raw: bytes,
    recipients: Sequence[str],
    builder: BounceBuilder,
    record: Callable[[Bounce], list[Recorded]],
) -> None:
    """Record a message, or set it aside where a fault of ours is in its way (`handler`)."""
    now = int(time.time())
    try:
        message = builder.classify(raw)
        if message is not None:
            builder.log(record(builder.bounce_of(message, recipients, now)))
    except (NotYetKnown, *TRANSIENT):
        raise
    except Exception:
        log.exception("set aside as broken: internal error, please report it with this trace")
        builder.log(record(builder.set_aside(raw, now)))
