"""Turns one message from the return path into what the store must keep of it.

The LMTP handler and `receive` use it. A message is classified once; then its proof is looked up,
repeatedly if the ledger lags, and its events are attributed. Each event gets one log line with its
outcome.
"""

import logging
from collections.abc import Sequence
from typing import Final

from bouncegate.classifier.classified import ClassifiedMessage, Classify, unreadable
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.directory import Directory
from bouncegate.classifier.returnpath.outcome import log_outcomes
from bouncegate.classifier.returnpath.proof import UNVERIFIED, Prover
from bouncegate.config.settings import Settings
from bouncegate.daemon.wire import for_field
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.store.store import Bounce, Recorded

_LOG: Final = logging.getLogger("bouncegate.return-path")


class BounceBuilder:
    """Turns messages into bounces for the store."""

    def __init__(
        self,
        classify: Classify,
        policy: Policy,
        settings: Settings,
        prover: Prover | None = None,
        directory: Directory | None = None,
    ) -> None:
        """Read and classify by `classify`; without a prover nothing is ever proven."""
        self._classify = classify
        self._policy = policy
        self._prover = prover
        self._trust = frozenset(settings.return_path.count)
        self._directory = directory or Directory(Providers.of(settings.provider))
        fold = settings.store.fold_local_part
        provider_of = self._directory.provider_of
        self._attribution = Attribution(provider_of, self._trust, fold_local_part=fold)
        self._keep = bool(settings.return_path.keep_messages.after(0))

    def classify(self, raw: bytes) -> ClassifiedMessage | None:
        """Read and classify a message; None for what is no bounce.

        Any exception, here and below, is a fault of ours about this message.
        """
        return self.sifted(self._classify(raw))

    def sifted(self, message: ClassifiedMessage) -> ClassifiedMessage | None:
        """A message that was read, if it is a bounce; the type of any other is logged."""
        if message.is_bounce:
            return message
        reading = message.reading
        _LOG.info("message-id=%s: no bounce: %s", for_field(reading.message_id), reading.type)
        return None

    def bounce_of(self, message: ClassifiedMessage, recipients: Sequence[str], now: int) -> Bounce:
        """What the store must keep of a bounce that came at `now` to these return paths.

        To be asked again where it raises NotYetKnown; raises StoreError where the ledger or the
        store cannot be read.
        """
        prover = self._prover
        proof = prover.prove(message.reading, recipients, now) if prover else UNVERIFIED
        events = self._attribution.events_of(message, now, proof)
        # A stranger's DSN must not make us ask DNS for what he likes.
        believed = [event for event in events if event.trust in self._trust]
        domains = self._directory.to_ask(believed, now)
        return Bounce(events, message.raw if self._keep else b"", domains)

    def set_aside(self, raw: bytes, now: int) -> Bounce:
        """A message that causes an internal error: an event without an address, and the message, if
        messages are kept.

        By its digest it is known again.
        """
        events = self._attribution.events_of(unreadable(raw), now)
        return Bounce(events, raw if self._keep else b"", is_set_aside=True)

    def log(self, outcomes: Sequence[Recorded]) -> None:
        """One line for each event that was recorded."""
        log_outcomes(_LOG, outcomes, self._policy)
