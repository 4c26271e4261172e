"""`bouncegate notices`: takes notices out of the spool and hands them to Postfix, at its pace.

A notice stays in the spool until Postfix has it; from then on it is Postfix's to deliver, and
since its sender is the null sender, it never comes back.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from bouncegate.config.settings import LocalSettings
from bouncegate.daemon.lastresort import end_within
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.daemon.wire import for_log
from bouncegate.milter.notices.postfix import hand_over
from bouncegate.milter.notices.spool import Letter, Spool
from bouncegate.milter.notices.throttle import Throttle

_LOG: Final = logging.getLogger("bouncegate.notices")
_LOOK_SECONDS: Final = 0.5
_LONGEST_WAIT: Final = 60.0
# For a letter in hand at SIGTERM.
_LAST_SECONDS: Final = 5.0


class NoticeDaemon:
    """Empties a spool."""

    def __init__(self, settings: LocalSettings, spool: Spool) -> None:
        """Nothing is sent yet."""
        self._server = settings.server
        self._spool = spool
        self._pace = Throttle(settings.notices_an_hour, time.monotonic())
        self._mishaps = RateLimitedLog("tried again", daemon="notices", step="notice")
        self._stop = threading.Event()
        self.is_ended = False
        """Whether it was told to end, also while it was to begin anew."""
        self.is_to_begin_anew = False
        """Whether it has ended for new settings."""

    def run(self, on_ready: Callable[[], None], on_beat: Callable[[], None]) -> None:
        """Send what comes, until SIGTERM or SIGINT; `on_ready` is called once.

        `on_beat` is called whenever the spool was looked at, at least once a minute.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        on_ready()
        _LOG.info("started: notices go to %s", self._server)
        wait = _LOOK_SECONDS
        while not self._stop.wait(wait):
            on_beat()
            wait = _LOOK_SECONDS if self.send_waiting() else min(2 * wait, _LONGEST_WAIT)
        _LOG.info("stopped")

    def _end(self, *_: object) -> None:
        self.is_ended = True
        self._stop.set()
        # A letter in hand may wait for Postfix.
        end_within(_LAST_SECONDS, _LOG)

    def begin_anew(self) -> None:
        """End after the letter in hand, to be started with new settings."""
        self.is_to_begin_anew = not self._stop.is_set()
        self._stop.set()

    def send_waiting(self) -> bool:
        """Send what waits, as far as the pace allows; whether Postfix has answered to all."""
        well = True
        for path in self._spool.waiting():
            if self._stop.is_set() or not self._pace.allows(time.monotonic()):
                break
            try:
                letter = self._spool.read(path)
                well = self._send(letter) and well
            except (OSError, UnicodeDecodeError) as error:
                self._mishaps.tell(path.name, error, expected=True)
                return False
        return well

    def _send(self, letter: Letter) -> bool:
        answer = hand_over(self._server, letter.recipient, letter.message)
        to, said = for_log(letter.recipient), for_log(f"{answer.code} {answer.text}", 512)
        if not answer.final:
            _LOG.warning("%s: to=<%s> waits: %s", letter.path.name, to, said)
            return False
        self._spool.remove(letter.path)
        if answer.taken:
            _LOG.info("%s: to=<%s> handed over: %s", letter.path.name, to, said)
        else:
            _LOG.error("%s: to=<%s> refused, he is not told: %s", letter.path.name, to, said)
        return True
