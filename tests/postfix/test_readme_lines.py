"""The lines of docs/postfix.md, each run as it stands on a private Postfix."""

import pytest
from tests.postfix.lines import block, run_lines

from lab.bouncegate import Bouncegate
from lab.folder import LabFolder
from lab.postfix import AGED, Postfix
from lab.remote import Remote
from lab.smtp import Client, message

SENDER = "newsletter@example.com"
RETURN_DOMAIN = "return.example.com"
GONE = "gone@remote.example"
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"

# The page's commands mean the machine's Postfix; these functions make them mean ours, and spare
# the test the 2 s that every reader of a fresh main.cf waits.
REDIRECT = f"""
set -euo pipefail
postconf() {{ /usr/sbin/postconf -c "$LAB" "$@" && touch -d "{AGED}" "$LAB/main.cf"; }}
postfix() {{ /usr/sbin/postfix -c "$LAB" "$@"; }}
"""

# How the lines read for a Postfix with and without a chroot; the page says so below them.
LAYOUTS = ("chroot", "no chroot")


class Site:
    """A Postfix that was there before, with settings of its own, and Bouncegate beside it."""

    def __init__(self, folder: LabFolder, *, chroot: bool) -> None:
        self.remote = Remote(folder, {GONE: UNKNOWN})
        self.postfix = Postfix(folder, self.remote.relayhost, chroot=chroot)
        self.sockets = (self.postfix.queue if chroot else folder.path / "run") / "bouncegate"
        self.sockets.parent.mkdir(exist_ok=True)
        self.gate = Bouncegate(
            folder,
            self.sockets,
            {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}},
        )
        self._relative = chroot

    def start(self) -> None:
        self.postfix.set(
            transport_maps=self.postfix.table("transport", {"other.example": "discard:"}),
            relay_domains="other.example, another.example",
            smtpd_milters="{ inet:127.0.0.1:9, default_action=accept, connect_timeout=1s }",
        )
        self.gate.start()
        self.postfix.start()

    def follow(self, heading: str) -> None:
        """Run the lines below a heading."""
        lines = block(heading, "docs/postfix.md")
        if not self._relative:
            lines = lines.replace("unix:bouncegate/", f"unix:{self.sockets}/")
        run_lines(REDIRECT + lines, self.postfix)

    def parameters(self) -> dict[str, str]:
        """Every main.cf parameter with the value in force."""
        shown = self.postfix.command("postconf", "-c", self.postfix.config)
        values = dict(line.split(" =", 1) for line in shown.splitlines())
        del values["process_id"]  # that of postconf itself
        return values

    def code(self) -> int:
        """How the recipient that bounced is answered now."""
        return self.postfix.submit(SENDER, [GONE])[GONE].code


@pytest.fixture(params=LAYOUTS)
def site(request: pytest.FixtureRequest, folder: LabFolder) -> Site:
    site = Site(folder, chroot=request.param == "chroot")
    site.start()
    return site


def test_the_lines_attach_both_paths_and_detach_them_without_a_trace(site: Site) -> None:
    before = site.parameters()

    site.follow("Enable by hand")
    attached = site.parameters()
    assert {name for name in before if attached[name] != before[name]} == {
        "smtpd_milters",
        "transport_maps",
        "relay_domains",
    }
    assert site.code() == 250
    site.postfix.wait_until_empty()
    assert site.gate.show(GONE)["locked"] is True
    assert site.code() == 550

    site.follow("Disable by hand")
    assert site.parameters() == before
    assert site.code() == 250


def test_what_was_set_before_still_holds_while_attached(site: Site) -> None:
    site.follow("Enable by hand")
    with Client(site.postfix.port) as client:
        replies = client.deliver(message("News"), "", ["someone@other.example"])
    assert replies["someone@other.example"].code == 250
    site.postfix.wait_for_log(r"to=<someone@other\.example>, relay=none, .*status=sent")


def test_mail_for_the_return_domain_is_taken_from_anywhere(site: Site) -> None:
    """Bounces come from strangers: without relay_domains they would be refused."""
    site.follow("Enable by hand")
    site.postfix.submit(SENDER, ["reader@remote.example"])
    site.postfix.wait_until_empty()
    return_path = site.remote.messages()[0]["sender"]
    assert return_path.endswith(f"@{RETURN_DOMAIN}")
    with Client(site.postfix.port) as client:
        client.say("XCLIENT ADDR=192.0.2.7 NAME=mx.stranger.example")
        client.ehlo()
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:<{return_path}>").code == 250
        assert client.say("RCPT TO:<someone@stranger.example>").code == 554


def test_mail_flows_when_the_milter_is_gone(site: Site) -> None:
    site.follow("Enable by hand")
    assert site.gate.milter is not None
    site.gate.milter.kill()
    assert site.code() == 250
