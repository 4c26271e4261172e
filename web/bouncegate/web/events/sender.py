"""Sends chains of parcels to one endpoint, some at a time, and says what came of each."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from importlib.metadata import version
from typing import Final, NamedTuple

from bouncegate.config.text import counted
from bouncegate.config.websettings import EndpointSettings
from bouncegate.web.events.deliveries import Attempt, Parcel
from bouncegate.web.events.post import Poster, Target, tls_context
from bouncegate.web.events.retries import Answer, Outcome, Verdict, judge
from bouncegate.web.events.shapes import body_of, content_type
from bouncegate.web.events.signature import Secret, SecretError, read_secret
from bouncegate.web.events.spool import Spool

AT_ONCE: Final = 4
DOWN: Final = 5
"""So many attempts in a row must fail for an endpoint to be taken as down: then one is tried at a
time, and not all that waits."""


class Result(NamedTuple):
    """What came of a parcel."""

    parcel: Parcel
    answer: Answer | None
    """None: it was not tried, since what comes before it failed, or all does."""
    verdict: Verdict | None
    attempt: Attempt | None = None
    """None where nothing had to be sent: the form has no word for it."""


class Sender:
    """One endpoint."""

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        forbids_private: bool,
        now: Callable[[], float] = time.time,
        stop: threading.Event | None = None,
    ) -> None:
        """`stop` ends what is under way after the requests in hand."""
        self._settings = settings
        self._now = now
        self._stop = stop or threading.Event()
        self._agent = f"Bouncegate/{version('bouncegate')}"
        self.failures = 0
        """Attempts in a row that failed."""
        self._spool = Spool(settings.spool.path) if settings.spool.path else None
        self._at_once = 1 if self._spool else AT_ONCE
        self._posters: deque[Poster] = deque()
        if self._spool is None:
            target, context = Target.of(settings.url), tls_context()
            self._posters.extend(
                Poster(target, forbids_private=forbids_private, context=context)
                for _ in range(AT_ONCE)
            )
        self._pool = ThreadPoolExecutor(self._at_once, f"send {settings.name}")

    @property
    def is_down(self) -> bool:
        """Whether so many attempts failed that the endpoint itself must be at fault."""
        return self.failures >= DOWN

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        for poster in self._posters:
            poster.close()

    def send(self, chains: Iterable[list[Parcel]]) -> list[Result]:
        """Send all; the rest of a chain is not tried once one of it has failed."""
        left, results = deque(chains), list[Result]()
        secret = self._secret()
        workers = min(self._at_once, len(left))
        if workers == 1:
            self._work(left, results, secret)
            return results
        done = wait([self._pool.submit(self._work, left, results, secret) for _ in range(workers)])
        for one in done.done:
            one.result()
        return results

    def _secret(self) -> Secret | SecretError:
        """The secret as its file has it now: to change it takes no restart."""
        path = self._settings.secret_file.path
        try:
            return read_secret(path) if path is not None else Secret()
        except SecretError as error:
            return error

    def _work(
        self, left: deque[list[Parcel]], results: list[Result], secret: Secret | SecretError
    ) -> None:
        poster = self._posters.popleft() if self._spool is None else None
        try:
            while True:
                try:
                    chain = left.popleft()
                except IndexError:
                    return
                self._send_chain(chain, results, secret, poster)
        finally:
            if poster is not None:
                self._posters.append(poster)

    def _send_chain(
        self,
        chain: list[Parcel],
        results: list[Result],
        secret: Secret | SecretError,
        poster: Poster | None,
    ) -> None:
        was_down, failed = self.is_down, False
        for parcel in chain:
            if failed or self._stop.is_set() or (self.is_down and not was_down):
                results.append(Result(parcel, None, None))
                continue
            result = self._sent(parcel, secret, poster)
            results.append(result)
            failed = result.verdict is None or result.verdict.outcome is not Outcome.DELIVERED

    def _sent(self, parcel: Parcel, secret: Secret | SecretError, poster: Poster | None) -> Result:
        settings, is_batch = self._settings, self._settings.batch > 1
        body = body_of(settings.shape, parcel.events, is_batch=is_batch)
        if body is None:
            return Result(parcel, Answer(204, ""), Verdict(Outcome.DELIVERED))
        began, now = time.monotonic(), self._now()
        if isinstance(secret, SecretError):
            answer = Answer(0, str(secret))
        elif self._spool is not None:
            answer = self._spool.write(parcel.events[0], body)
        else:
            assert poster is not None, "an endpoint without a folder has posters"
            answer = poster.post(body, self._headers(parcel, secret, now, body, is_batch=is_batch))
        verdict = judge(answer, parcel.tries + 1, now, random.random())
        is_delivered = verdict.outcome is Outcome.DELIVERED
        self.failures = 0 if is_delivered else self.failures + 1
        attempt = Attempt(
            time=now,
            id=parcel.id,
            type=_types(parcel),
            status=answer.status,
            seconds=round(time.monotonic() - began, 3),
            answer=answer.text,
            outcome=verdict.outcome.value,
        )
        return Result(parcel, answer, verdict, attempt)

    def _headers(
        self, parcel: Parcel, secret: Secret, now: float, body: bytes, *, is_batch: bool
    ) -> dict[str, str]:
        return {
            "content-type": content_type(self._settings.shape, is_batch=is_batch),
            "user-agent": self._agent,
            **secret.headers(parcel.id, int(now), body),
        }


def _types(parcel: Parcel) -> str:
    first, *others = parcel.events
    return counted(len(parcel.events), "event") if others else first.type
