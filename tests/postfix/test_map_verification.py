"""The map beside address verification: a lock is final, and an unlock holds at once."""

import pytest
from tests.postfix.site import GONE, SENDER, Site

from lab.folder import LabFolder
from lab.smtp import Client, message


def test_the_map_is_asked_before_address_verification_and_verify_remembers_no_lock(
    folder: LabFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(folder, chroot=False)
    site.remote.refuse({})
    site.gate.start_map()
    site.postfix.set(
        smtpd_recipient_restrictions="reject_unverified_recipient",
        address_verify_poll_delay="1s",
        address_verify_map=f"internal:{folder.path}/verify",
        # trivial-rewrite(8) keeps the last route for 30 s, smtpd(8) those of recent recipients for
        # as long as it lives: here each process ends after one use, as after "postfix reload".
        max_use="1",
    )
    before = site.files()
    enabled = site.run("enable", "--map", "--enforce", "--yes")
    assert b"+bouncegate_recipient_restrictions = reject_unlisted_recipient" in enabled.stdout
    site.gate.run("lock", GONE)
    with Client(site.postfix.port) as client:
        refused = client.deliver(message("News"), SENDER, [GONE])[GONE]
    assert refused.code == 550
    assert f"<{GONE}>: Recipient address rejected: locked after" in refused.text
    assert f" to=<{GONE}>," not in site.postfix.maillog(), "verify(8) was not asked for it"
    monkeypatch.setenv("MAIL_CONFIG", str(site.postfix.config))
    unlocked = site.gate.run("unlock", "--force", "--yes", "--why", "moved", GONE)
    assert unlocked.returncode == 0
    assert b'until "postfix reload"' in unlocked.stderr, "it says when mail passes"
    other = "ann@remote.example"
    with Client(site.postfix.port) as client:
        # smtpd(8) remembers the answer for the recipient that it was asked for last.
        assert client.deliver(message("News"), SENDER, [other])[other].code == 250
        assert client.deliver(message("News"), SENDER, [GONE])[GONE].code == 250
    assert site.run("disable", "--yes").returncode == 0
    assert site.files() == before
