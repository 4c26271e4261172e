"""`alive --message`: one message on standard input, as pipe(8) or a sieve script hands it over."""

import logging
import os
import time
from contextlib import closing
from typing import BinaryIO, Final

from bouncegate.classifier.alive.listener import Listener
from bouncegate.classifier.returnpath.probe import stamp
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.output import complain

log: Final = logging.getLogger("bouncegate.alive")


def hear_one(invocation: Invocation, stream: BinaryIO) -> int:
    """Read and judge one message; tells the exit code.

    That is 0 or EX_TEMPFAIL: with any other one pipe(8) would tell the sender of a failure.
    """
    try:
        settings = invocation.settings
        set_up_logging(settings.log, "alive")
        if not settings.alive.authserv_ids:
            log.warning("no mail is a sign of life: [alive] authserv_ids names nobody")
            return os.EX_OK
        raw = stream.read(settings.return_path.max_size.octets)
        while stream.read(1 << 20):  # the rest of a larger one; whoever writes it wants to end
            pass
        with closing(invocation.open_store(for_daemon=True)) as store:
            listener = Listener(settings, store, invocation.policy)
            if not stamp(settings.store.path, raw, listener.believes):
                listener.take((), raw, None, int(time.time()))
    except Exception as error:  # noqa: BLE001 - any other exit code would be told to the sender
        complain(str(error))
        return os.EX_TEMPFAIL
    return os.EX_OK
