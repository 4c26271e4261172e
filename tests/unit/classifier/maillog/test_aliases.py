"""Aliases in the log: one dead member does not fail the others."""

from tests.unit.classifier.maillog.site import (
    ANN,
    BOB,
    DAY,
    FULL,
    HOUR,
    LIST,
    NOW,
    UNKNOWN,
    Site,
    active,
    line,
    twice_full,
)

from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import Event


def of_list(member: str) -> str:
    return f"{member}>, orig_to=<{LIST}"


def test_alias_of_which_one_member_fails_does_not_fail_itself(site: Site) -> None:
    sent = site.sent(1, LIST)
    bounced = line(sent, "bounced", UNKNOWN, of_list(ANN))
    site.write(active(sent, 2), bounced, line(sent, "sent", to=of_list(BOB)))
    site.run()
    assert (site.state(ANN).hard, site.state(LIST).hard) == (1, 0)
    (told,) = site.entries(LIST)
    assert isinstance(told, Event)
    assert (told.kind, told.action, told.final_recipient) == (Kind.NONE, "expanded", ANN)


def test_alias_fails_when_all_that_it_expands_to_has_failed(site: Site) -> None:
    sent = site.sent(1, LIST)
    failed = [line(sent, "bounced", UNKNOWN, of_list(to)) for to in (ANN, BOB)]
    site.write(active(sent, 2), *failed)
    site.run()
    assert [site.state(to).hard for to in (ANN, BOB, LIST)] == [1, 1, 1]


def test_alias_of_one_member_fails_with_it_and_not_with_what_is_left_in_the_queue(
    site: Site,
) -> None:
    sent, later = site.sent(1, LIST), site.sent(2, LIST, time=NOW + HOUR)
    site.write(
        active(sent, 1),
        line(sent, "bounced", UNKNOWN, of_list(ANN)),
        active(later, 3, NOW + HOUR),
        line(later, "deferred", FULL, of_list(BOB), at=NOW + HOUR),
        active(later, 1, NOW + 2 * HOUR),
        line(later, "bounced", UNKNOWN, of_list(BOB), at=NOW + 2 * HOUR),
    )
    site.run()
    assert [site.state(to).hard for to in (ANN, BOB, LIST)] == [1, 1, 1]


def test_alias_of_which_the_expansion_is_not_known_does_not_fail(site: Site) -> None:
    site.write(line(site.sent(1, LIST), "bounced", UNKNOWN, of_list(ANN)))
    several = site.sent(2, LIST, BOB)
    site.write(active(several, 2), line(several, "bounced", UNKNOWN, of_list(ANN)))
    site.run()
    assert (site.state(ANN).hard, site.state(LIST).hard) == (2, 0)


def test_alias_delivers_to_its_members(site: Site) -> None:
    twice_full(site)
    site.write(line(site.sent(3, LIST), "sent", to=of_list(ANN)))
    site.run(NOW + DAY + 5)
    assert site.state().soft_in_row == 0
