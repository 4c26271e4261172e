"""Local submission, alias expansion and queued mail are covered too, not only SMTP clients."""

from collections.abc import Callable

from tests.postfix.conftest import can_run_postfix
from tests.postfix.site import Site
from tests.postfix.test_local_submission import address, enabled
from tests.postfix.test_map import delivered

from lab.smtp import message
from lab.waiting import wait_for

__all__ = ["address", "can_run_postfix", "enabled"]

Address = Callable[[str], str]


def refused_in_the_queue(site: Site, recipient: str) -> None:
    """Wait until Postfix gives the recipient back, with our mark, without asking any server."""
    site.postfix.wait_for_log(
        rf"to=<{recipient}>, .*relay=none, .*status=bounced .*\[bouncegate [0-9a-f]"
    )
    assert recipient not in site.remote.accepted()


def test_local_submission_is_covered_too(enabled: Site, address: Address) -> None:
    locked, other = address("locked"), address("other")
    enabled.gate.lock(locked)
    enabled.postfix.sendmail(message("News"), address("writer"), [locked, other])
    refused_in_the_queue(enabled, locked)
    wait_for("the mail to the other", lambda: delivered(enabled.remote, other))


def test_alias_expansion_is_covered_too(enabled: Site, address: Address) -> None:
    alias, locked = address("alias"), address("behind")
    enabled.gate.lock(locked)
    enabled.postfix.set(virtual_alias_maps=enabled.postfix.table("virtual", {alias: locked}))
    enabled.postfix.reload()
    enabled.postfix.submit(address("writer"), [alias])
    refused_in_the_queue(enabled, locked)


def test_queued_mail_is_covered_too(enabled: Site, address: Address) -> None:
    waiting, other = address("waiting"), address("other")
    enabled.remote.refuse({waiting: "450 4.3.0 come back later"})
    enabled.postfix.submit(address("writer"), [waiting])
    enabled.postfix.wait_for_log(rf"to=<{waiting}>, .*status=deferred")
    # Its server refuses it all the time: Postfix may try again before it asks anew where to.
    enabled.gate.lock(waiting)
    # qmgr(8) remembers the route of the last recipient for 30 s: another one makes it ask anew.
    enabled.postfix.sendmail(message("News"), address("writer"), [other])
    wait_for("the mail to the other", lambda: delivered(enabled.remote, other))
    enabled.postfix.flush()
    refused_in_the_queue(enabled, waiting)
