"""What every plane of the send path must bear alike: very large messages, and mail put back.

The planes are attached one at a time to the same Postfix. Mail that is put back into the queue by
postsuper -r is asked for by no milter any more, and routed anew.
"""

from collections.abc import Callable, Iterator

import pytest
from tests.postfix.lines import follow
from tests.postfix.test_map import BUSY

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

Address = Callable[[str], str]
SENDER = "newsletter@sender.test"
RETURN_ROUTE = f"inline:{{ {RETURN_DOMAIN}=lmtp:unix:bouncegate/return-path.sock }}"


@pytest.fixture(scope="module", params=["milter", "map", "access table"])
def plane(request: pytest.FixtureRequest, system: MailSystem) -> Iterator[str]:
    """One plane alone, attached for its tests."""
    name = str(request.param)
    postfix, gate = system.postfix, system.gate
    follow("Many refusals in one session", postfix)
    if name != "milter":
        postfix.reset("smtpd_milters")
    if name == "map":
        gate.start_map()
        postfix.set(transport_maps=f"{RETURN_ROUTE} socketmap:unix:bouncegate/map.sock:transport")
    if name == "access table":
        table = f"check_recipient_access texthash:{postfix.config}/locks"
        (postfix.config / "locks").touch()
        postfix.set(smtpd_recipient_restrictions=table)
    postfix.reload()
    yield name
    postfix.reset(
        "smtpd_recipient_restrictions", "smtpd_soft_error_limit", "smtpd_hard_error_limit"
    )
    system.attach()
    postfix.reload()
    if name == "map":
        assert gate.map is not None
        gate.map.stop()


def make_known(plane: str, postfix: Postfix, gate: Bouncegate) -> None:
    """An access table knows of locks only what was exported."""
    if plane == "access table":
        done = gate.run("map", "export", f"texthash:{postfix.config}/locks")
        assert done.returncode == 0, done.stderr
        postfix.reload()


def test_of_a_thousand_recipients_of_one_message_the_locked_are_refused_and_no_others(
    plane: str, postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    everybody = [address(f"reader{number}") for number in range(1000)]
    locked = set(everybody[::50])
    gate.lock(*locked)
    make_known(plane, postfix, gate)
    with Client(postfix.port) as client:
        replies = client.deliver(message("News"), SENDER, everybody)
    assert {to for to, reply in replies.items() if reply.code == 550} == locked
    assert {reply.code for reply in replies.values()} == {250, 550}
    postfix.wait_until_empty()
    accepted = [to for to in remote.accepted() if to in replies]
    assert sorted(accepted) == sorted(set(everybody) - locked), "each once, and no locked one"


def test_mail_that_is_put_back_is_judged_by_what_routes_it_alone(
    plane: str, postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """postsuper -r must not jam the queue, whichever plane is attached."""
    slow, sender = address("slow"), address("writer")
    remote.refuse({slow: BUSY})
    with Client(postfix.port) as client:
        assert client.deliver(message("News"), sender, [slow])[slow].code == 250
    postfix.wait_for_log(rf"to=<{slow}>, .*status=deferred")
    gate.lock(slow)
    make_known(plane, postfix, gate)
    # qmgr(8) remembers the route of the last recipient for 30 s: another one makes it ask anew.
    postfix.sendmail(message("News"), SENDER, [address("other")])
    wait_for("the other mail", lambda: address("other") in remote.accepted())
    postfix.command("postsuper", "-c", postfix.config, "-r", "ALL")
    if plane != "map":
        remote.refuse({})
    told = sender if plane == "map" else slow
    wait_for("the mail, or the DSN", lambda: told in remote.accepted())
    postfix.wait_until_empty()
    assert (slow in remote.accepted()) == (plane != "map")
