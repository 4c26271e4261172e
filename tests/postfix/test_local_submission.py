"""Mail from sendmail(1) where `postfix enable --map` has set the map: Postfix bounces to the
sender.

No milter can do that: a refusal would leave the message in maildrop, and REJECT at its end would
bounce it for every recipient.
"""

import itertools
import re
from collections.abc import Callable, Iterator

import pytest
from tests.postfix.lines import block, run_lines
from tests.postfix.site import DOMAIN, Site
from tests.postfix.test_map import delivered, notices

from bouncegate.store.installationmark import known_mark
from lab.bouncegate import Sections
from lab.folder import LabFolder
from lab.smtp import message
from lab.waiting import wait_for

Address = Callable[[str], str]
RETURN_PATH = {"return_path": {"domain": DOMAIN, "count": ["signed", "matched"]}}

_numbers = itertools.count()


@pytest.fixture(scope="module")
def enabled(can_run_postfix: None) -> Iterator[Site]:
    with LabFolder() as folder:
        site = Site(folder, chroot=False)
        site.gate.start_map()
        done = site.run("enable", "--map", "--enforce", "--yes")
        assert done.returncode == 0, done.stdout
        yield site


@pytest.fixture
def address() -> Address:
    number = next(_numbers)
    return lambda local: f"{local}-{number}@remote.example"


@pytest.fixture
def map_with(enabled: Site) -> Iterator[Callable[[Sections], None]]:
    """Starts the map with other settings; after the test it has its own."""
    gate = enabled.gate

    def restart(sections: Sections) -> None:
        assert gate.map is not None
        gate.map.stop()
        gate.configure({**RETURN_PATH, **sections})
        gate.start_map()

    yield restart
    restart({})


def told(site: Site, sender: str) -> list[str]:
    return [str(m["content"]) for m in site.remote.messages() if sender in m["recipients"]]


def bounced(dsn: str) -> list[str]:
    return re.findall(r"^Final-Recipient: \S+; (.+?)\r?$", dsn, re.MULTILINE)


def test_local_mail_is_bounced_to_its_sender_for_the_locked_recipient_alone(
    enabled: Site, address: Address
) -> None:
    locked, *others = address("locked"), address("one"), address("two")
    sender = address("writer")
    enabled.gate.lock(locked)
    enabled.postfix.sendmail(message("News"), sender, [others[0], locked, others[1]])
    wait_for("the mail and the DSN", lambda: delivered(enabled.remote, *others, sender))
    enabled.postfix.wait_until_empty()
    assert locked not in enabled.remote.accepted()
    assert list((enabled.postfix.queue / "maildrop").iterdir()) == []
    (dsn,) = told(enabled, sender)
    assert bounced(dsn) == [locked]
    words = " ".join(dsn.split())
    assert "Status: 5.7.1" in words
    assert "locked after an operator's decision without end" in words
    assert known_mark(enabled.gate.store) in words
    (sent,) = (m for m in enabled.remote.messages() if sender in m["recipients"])
    assert sent["sender"] == "<>"


def test_local_mail_is_bounced_however_sendmail_was_given_the_locked_recipient(
    enabled: Site, address: Address
) -> None:
    """`user%domain`, `domain!user` and a root dot are rewritten before the map is asked."""
    ways = [address(f"way{number}") for number in range(4)]
    local = address("jürgen").partition("@")[0]
    odd = [f"{local}@bücher.example", f'"{local} x"@remote.example']
    sender, other = address("writer"), address("other")
    enabled.gate.lock(*ways, *odd)
    plain, dotted, bang, percent = (one.split("@") for one in ways)
    forms = ["@".join(plain).upper(), "@".join(dotted) + ".", "!".join(reversed(bang))]
    forms += ["%".join(percent), *odd]
    enabled.postfix.sendmail(message("News"), sender, [*forms, other])
    wait_for("the mail and the DSN", lambda: delivered(enabled.remote, other, sender))
    enabled.postfix.wait_until_empty()
    assert [to for to in enabled.remote.accepted() if to.lower() in ways or local in to] == []
    (dsn,) = told(enabled, sender)
    assert len(bounced(dsn)) == len(forms)


def test_local_mail_that_was_signed_comes_back_to_the_return_path_and_never_counts(
    enabled: Site, address: Address
) -> None:
    """Otherwise a lock would renew itself. Postfix's bounce carries a good token and our mark."""
    locked, other = address("locked"), address("other")
    enabled.gate.lock(locked)
    enabled.postfix.set(non_smtpd_milters="$bouncegate_milter")
    enabled.postfix.reload()
    before = len(notices(enabled.gate))
    try:
        enabled.postfix.sendmail(message("News"), address("writer"), [locked, other])
        line = wait_for("the DSN", lambda: notices(enabled.gate)[before:])[0]
    finally:
        enabled.postfix.reset("non_smtpd_milters")
        enabled.postfix.reload()
    assert f"to=<{locked}>" in line
    assert "trust=signed" in line
    assert line.endswith("not counted: own-refusal")
    wait_for("the mail", lambda: delivered(enabled.remote, other))
    assert enabled.gate.run("unlock", "--yes", "--force", locked).returncode == 0
    shown = enabled.gate.show(locked)
    assert (shown["locked"], shown["hard"], shown["soft"]) == (False, 0, 0)


def test_local_mail_to_a_locked_recipient_is_discarded_where_the_settings_say_so(
    enabled: Site, address: Address, map_with: Callable[[Sections], None]
) -> None:
    locked, other, sender = address("locked"), address("other"), address("writer")
    enabled.gate.lock(locked)
    map_with({"reply": {"action": "discard"}})
    enabled.postfix.sendmail(message("News"), sender, [locked, other])
    wait_for("the mail", lambda: delivered(enabled.remote, other))
    enabled.postfix.wait_until_empty()
    assert locked not in enabled.remote.accepted()
    assert told(enabled, sender) == []


def test_local_mail_to_a_locked_recipient_waits_alone_where_it_is_deferred(
    enabled: Site, address: Address, map_with: Callable[[Sections], None]
) -> None:
    locked, other, sender = address("locked"), address("other"), address("writer")
    enabled.gate.lock(locked)
    map_with({"reply": {"action": "defer"}})
    enabled.postfix.sendmail(message("News"), sender, [locked, other])
    wait_for("the mail", lambda: delivered(enabled.remote, other))
    enabled.postfix.wait_for_log(rf"to=<{locked}>, .*dsn=4\.2\.1, status=deferred \(locked after")
    assert enabled.gate.run("unlock", "--yes", "--force", locked).returncode == 0
    # qmgr(8) remembers the route of the last recipient for 30 s: another one makes it ask again.
    enabled.postfix.sendmail(message("News"), sender, [address("later")])
    enabled.postfix.flush()
    wait_for("the mail that waited", lambda: delivered(enabled.remote, locked))
    enabled.postfix.wait_until_empty()


def test_local_mail_passes_without_the_field_of_tag_which_no_table_can_add(
    enabled: Site, address: Address, map_with: Callable[[Sections], None]
) -> None:
    locked = address("locked")
    enabled.gate.lock(locked)
    map_with({"reply": {"action": "tag"}})
    enabled.postfix.sendmail(message("News"), address("writer"), [locked])
    wait_for("the mail", lambda: delivered(enabled.remote, locked))
    assert "X-Bouncegate-Locked" not in told(enabled, locked)[0]


def test_local_status_says_that_the_map_judges_it(enabled: Site) -> None:
    assert b"the map judges it" in enabled.run("status").stdout


def test_local_notices_of_an_earlier_version_are_sent_by_the_lines_of_the_how_to(
    enabled: Site, address: Address
) -> None:
    spool, sender = enabled.gate.store / "notices", address("writer")
    spool.mkdir(mode=0o700)
    notice = f"To: <{sender}>\r\nSubject: Not sent\r\n\r\n<{address('locked')}>: locked\r\n"
    (spool / "00000000000000000001.7.0a0b0c0d").write_bytes(f"{sender}\n{notice}".encode())
    lines = block("From a version with `\\[local\\] judge`", "docs/operating.md")
    lines = lines.replace("/var/lib/bouncegate", str(enabled.gate.store))
    lines = lines.replace("sendmail", f"/usr/sbin/sendmail -C {enabled.postfix.config}")
    run_lines(lines, enabled.postfix)
    wait_for("the notice", lambda: delivered(enabled.remote, sender))
    (sent,) = (m for m in enabled.remote.messages() if sender in m["recipients"])
    assert (sent["sender"], "Subject: Not sent" in str(sent["content"])) == ("<>", True)
    assert not spool.exists()
