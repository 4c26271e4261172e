"""Whose bounce it is: the one whom we mailed, and nobody behind or beside."""

from tests.unit.classifier.provensite import (
    ALONE,
    BY_BOUNCE,
    BY_SMTP,
    LATER,
    NOW,
    SENT,
    Site,
    came_in,
    dsn,
    postfix_fields,
    site,
)

from bouncegate.store.entry import Sent

__all__ = ["site"]


def test_alias_members_fail_for_themselves_where_our_own_postfix_has_expanded_it(
    site: Site,
) -> None:
    raw = dsn("behind@example.org", original="ann@example.com", extra=postfix_fields())
    member, alias = site.bounce(came_in(raw, BY_BOUNCE), site.token(SENT), LATER).events
    assert (member.address, member.trust, member.kind) == ("behind@example.org", "signed", "hard")
    assert (alias.address, alias.action, alias.kind) == ("ann@example.com", "expanded", "none")
    assert alias.final_recipient == "behind@example.org"
    assert member.identity != alias.identity


def test_forwarded_mail_that_fails_elsewhere_fails_for_whom_we_mailed(site: Site) -> None:
    raw = dsn("behind@example.org", original="ann@example.com", extra=postfix_fields())
    assert site.event(came_in(raw, BY_SMTP), site.token(SENT)).address == "ann@example.com"


def test_the_alias_that_we_mailed_counts_and_never_the_address_behind_it(site: Site) -> None:
    for raw in (
        dsn("expanded@example.org"),
        dsn("expanded@example.org", original="alias@example.net"),
        dsn("expanded@example.org", original="expanded@example.org"),
    ):
        assert site.event(raw, site.token(ALONE)).address == "alias@example.net"


def test_a_token_for_one_recipient_lets_only_that_one_be_named(site: Site) -> None:
    raw = dsn("stranger@example.com", original="ann@example.com")
    assert site.event(raw, site.token(ALONE)).address == "alias@example.net"


def test_a_token_for_one_recipient_proves_a_bounce_that_the_ledger_has_lost(site: Site) -> None:
    lost = Sent(NOW, b"lostlost", "news@example.org", ("ann@example.com",))
    event = site.event(dsn("ann@example.com"), site.token(lost))
    assert (event.trust, event.address, event.sent) == ("signed", "ann@example.com", NOW)
    other = site.event(dsn("bob@example.com"), site.token(lost))
    assert (other.trust, other.address) == ("signed", ""), "nobody's: it names another one"
    for victim in ("bob@example.com", "carl@example.com"):
        site.deliver(dsn(victim), site.token(lost))
    site.deliver(dsn("ann@example.com"), site.token(lost))
    site.deliver(dsn("ann@example.com"), site.token(lost))
    assert site.locked() == ["ann@example.com"]
    state = site.store.addresses.get("ann@example.com")
    assert state is not None
    assert state.hard == 1


def test_a_token_for_several_recipients_is_not_for_one_where_the_others_were_purged(
    site: Site,
) -> None:
    token = site.token(SENT)
    for address in SENT.recipients[1:]:
        site.ledger.forget_recipients({address})
    event = site.event(dsn("bob@example.com"), token)
    assert (event.trust, event.address) == ("signed", "")
    assert site.event(dsn("ann@example.com"), token).address == "ann@example.com"


def test_among_several_the_original_recipient_goes_before_the_final_one(site: Site) -> None:
    raw = dsn("expanded@example.org", original="list@example.net")
    assert site.event(raw, site.token(SENT)).address == "list@example.net"
    both = dsn("bob@example.com", original="ann@example.com")
    assert site.event(both, site.token(SENT)).address == "ann@example.com"


def test_whom_we_never_mailed_is_nobody_and_the_event_is_kept(site: Site) -> None:
    raw = dsn("stranger@example.com", original="other@example.com")
    event = site.event(raw, site.token(SENT))
    assert (event.address, event.final_recipient) == ("", "stranger@example.com")
    site.deliver(raw, site.token(SENT))
    assert site.locked() == []
    assert len(list(site.store.journal.entries())) == 1
