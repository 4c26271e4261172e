"""A reader of the log in a folder that prints each recorded batch; the test kills it."""

import sys
from pathlib import Path

from tests.unit.classifier.maillog.site import NOW, Site

from bouncegate.classifier.classifier import Classifier
from bouncegate.config.rules import Rules
from bouncegate.policy.fold import Policy
from bouncegate.store.deliverylog import Batch
from bouncegate.store.effects import Recorded


def main() -> None:
    """Run once, slowly enough to be caught in the middle of it."""
    site = Site(Path(sys.argv[1]), Classifier(Rules(())))
    log = site.store.deliverylog
    record = log.record

    def telling(batch: Batch, policy: Policy) -> list[Recorded]:
        outcomes = record(batch, policy)
        print(len(batch.steps), flush=True)
        return outcomes

    log.record = telling  # type: ignore[method-assign]
    print("ready", flush=True)
    site.run(NOW + 3600)


if __name__ == "__main__":
    main()
