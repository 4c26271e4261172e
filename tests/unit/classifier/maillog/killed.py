"""A reader of the log in a folder that tells of each portion it has taken in, to be killed."""

import sys
from pathlib import Path

from tests.unit.classifier.maillog.site import NOW, Site

from bouncegate.classifier.classifier import Classifier
from bouncegate.config.rules import Rules
from bouncegate.policy.fold import Policy
from bouncegate.store.deliverylog import Batch
from bouncegate.store.recording import Recorded


def main() -> None:
    """Run once, slowly enough to be caught in the middle of it."""
    site = Site(Path(sys.argv[1]), Classifier(Rules(())))
    trail = site.store.deliverylog
    take_in = trail.take_in

    def telling(portion: Batch, policy: Policy) -> list[Recorded]:
        outcomes = take_in(portion, policy)
        print(len(portion.steps), flush=True)
        return outcomes

    trail.take_in = telling  # type: ignore[method-assign]
    print("ready", flush=True)
    site.run(NOW + 3600)


if __name__ == "__main__":
    main()
