"""What the log says of a message's place in the queue."""

import pytest
from tests.unit.classifier.maillog.site import (
    ANN,
    DAY,
    NOW,
    Site,
    active,
    head,
    line,
)

from bouncegate.store.entry import QueueState, Sent


def states(site: Site) -> list[QueueState]:
    return [sent.queue for _, sent in site.ledger.walk(b"", NOW + 10 * DAY, 100)]


def refused(sent: Sent, verb: str = "milter-reject") -> str:
    said = "END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Try again later; from=<a@s.test>"
    return f"{head(sent.time, 'cleanup')}{sent.queue_id}: {verb}: {said}"


@pytest.mark.parametrize("verb", ["milter-reject", "milter-discard"])
def test_queue_never_held_what_a_later_milter_refused_at_the_end(site: Site, verb: str) -> None:
    site.write(refused(site.sent(1, ANN), verb))
    site.sent(2, ANN)
    site.run()
    assert states(site) == [QueueState.REFUSED, QueueState.UNKNOWN]


def test_queue_held_what_was_active(site: Site) -> None:
    site.write(active(site.sent(1, ANN), 1))
    site.run()
    assert states(site) == [QueueState.TAKEN]


@pytest.mark.parametrize("outcome", ["sent", "deferred", "bounced"])
def test_queue_held_what_a_delivery_was_tried_of(site: Site, outcome: str) -> None:
    sent = site.sent(1, ANN)
    site.write(refused(sent), line(sent, outcome))  # Postfix reuses the short queue id
    site.run()
    assert states(site) == [QueueState.TAKEN]


def test_queue_of_what_is_on_hold_is_not_known(site: Site) -> None:
    site.write(refused(site.sent(1, ANN), "milter-hold"))
    site.run()
    assert states(site) == [QueueState.UNKNOWN]


def test_queue_has_lost_what_an_operator_deleted(site: Site) -> None:
    sent = site.sent(1, ANN)
    removed = f"{head(NOW + 6, 'postsuper')}{sent.queue_id}: removed"
    site.write(line(sent, "deferred"), removed)
    site.run()
    assert states(site) == [QueueState.DELETED]


def test_queue_is_known_up_to_the_end_of_the_log_or_a_line_that_waits(site: Site) -> None:
    assert site.run(NOW).until == NOW
    unknown = Sent(NOW + 5, b"message9", "", (), "QUEUE0000009")
    site.write(line(site.sent(1, ANN), "sent"), refused(unknown))
    assert site.run(NOW + 10).until == NOW + 5
    assert states(site) == [QueueState.TAKEN]
