"""The doctor at a Postfix that runs: all is well with a whole one, and what is missing is named."""

import json
from typing import Any

import pytest

from lab.bouncegate import Sections
from lab.system import RETURN_DOMAIN, MailSystem

# Tests ask no name server but their own.
NO_DNS: Sections = {"dns": {"enabled": False}}


def examined(system: MailSystem) -> tuple[int, list[dict[str, Any]]]:
    done = system.gate.run("doctor", "--json", "--postfix", str(system.postfix.config))
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("can_run_postfix")
def test_a_whole_installation_is_well_and_each_missing_part_is_named() -> None:
    sections = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}, **NO_DNS}
    with MailSystem(sections=sections) as system:
        system.start()
        system.postfix.set(relay_domains=RETURN_DOMAIN)
        code, found = examined(system)
        assert [one for one in found if one["severity"] in ("warning", "error")] == []
        assert code == 0
        well = {one["check"] for one in found if one["severity"] == "ok"}
        daemons = {"milter", "return-path", "postfix"}
        assert well == {"proof", "keys", "clock", "store", "ledger"} | daemons

        system.postfix.set(smtpd_milters="", relay_domains="")
        assert system.gate.return_path is not None
        system.gate.return_path.stop()
        code, found = examined(system)
        assert code == 2
        texts = [one["text"] for one in found if one["severity"] in ("warning", "error")]
        assert any("no recipient is ever refused" in text for text in texts)
        assert any("bounces are refused" in text for text in texts)
        assert any("bounces wait in Postfix's queue" in text for text in texts)
        assert len(texts) == 3


def worst(system: MailSystem) -> tuple[int, list[str]]:
    code, found = examined(system)
    return code, [one["text"] for one in found if one["severity"] in ("warning", "error")]


@pytest.mark.usefixtures("can_run_postfix")
def test_what_only_tables_and_master_cf_tell_is_seen() -> None:
    sections = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}, **NO_DNS}
    with MailSystem(sections=sections) as system:
        system.attach()
        system.gate.start()
        postfix = system.postfix
        table = postfix.table("transport", {RETURN_DOMAIN: "lmtp:unix:bouncegate/return-path.sock"})
        postfix.set(relay_domains="$mydestination_of_returns", transport_maps=table)
        postfix.set(mydestination_of_returns=RETURN_DOMAIN)
        assert worst(system) == (0, [])
        service = f"127.0.0.1:{postfix.submission_port}/inet"
        postfix.command("postconf", "-c", postfix.config, "-P", f"{service}/smtpd_milters=")
        code, (text,) = worst(system)
        assert code == 1
        assert text.startswith(f"{service}: has smtpd_milters of its own")


@pytest.mark.usefixtures("can_run_postfix")
def test_a_socket_out_of_sight_of_a_real_chroot_is_seen() -> None:
    with MailSystem(chroot=True) as system:
        milter = f"{{ unix:{system.gate.milter_socket}, default_action=accept }}"
        system.postfix.set(smtpd_milters=milter)
        texts = worst(system)[1]
        assert any("in a chroot" in text for text in texts), texts
