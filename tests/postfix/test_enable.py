"""`postfix enable` and `disable` at a Postfix that runs: the probe, a refusal, and no trace."""

import pytest
from tests.postfix.site import DOMAIN, GONE, SENDER, Site

from bouncegate.config.probe import ASKED, TAKEN
from lab.folder import LabFolder
from lab.smtp import Client, message
from lab.waiting import wait_for


@pytest.fixture(params=["chroot", "no chroot"])
def site(request: pytest.FixtureRequest, folder: LabFolder) -> Site:
    return Site(folder, chroot=request.param == "chroot")


def test_enable_proves_both_paths_refuses_and_disable_leaves_no_trace(site: Site) -> None:
    before = site.files()
    first = site.run("enable", "--enforce", "--yes")
    said = first.stdout.decode() + first.stderr.decode()
    assert first.returncode == 0, said
    assert "probe: milter: the milter is asked, mode enforce" in said
    assert f"probe: return-path: mail to {DOMAIN} reaches the return path" in said
    assert f"probe: sender: signed senders below {DOMAIN} leave as they are" in said
    assert site.run("status").returncode == 0
    assert site.gate.locks() == {}, "a probe locks nobody"

    assert site.code() == 250
    site.postfix.wait_until_empty()
    assert site.gate.show(GONE)["locked"] is True
    assert site.sends() == [SENDER], "a probe is no send"
    assert site.code() == 550

    assert site.run("disable", "--yes").returncode == 0
    assert site.files() == before
    assert site.run("status").returncode == 2
    assert site.code() == 250


def test_it_observes_first_and_says_when_the_milter_has_not_read_that(folder: LabFolder) -> None:
    site = Site(folder, chroot=False)
    first = site.run("enable", "--yes")
    assert first.returncode == 1
    assert b"still in mode enforce" in first.stdout
    site.reload_milter()
    site.gate.run("lock", GONE)

    def observed() -> bool:
        again = site.run("enable")
        return again.returncode == 0 and b"mode observe" in again.stdout

    wait_for("the mode that was set", observed)
    assert site.code() == 250


def test_a_return_path_that_is_down_is_seen_and_the_probe_leaves_the_queue(
    folder: LabFolder,
) -> None:
    site = Site(folder, chroot=False)
    assert site.gate.return_path is not None
    site.gate.return_path.stop()
    first = site.run("enable", "--enforce", "--yes")
    assert first.returncode == 1
    assert b"does not reach the return path" in first.stdout
    assert site.postfix.queued() == []
    assert site.remote.messages() == []


def test_a_stranger_s_probe_is_an_address_without_a_token_and_local_mail_to_it_jams_nothing(
    folder: LabFolder,
) -> None:
    site = Site(folder, chroot=False)
    assert site.run("enable", "--enforce", "--yes").returncode == 0
    with Client(site.postfix.port) as client:
        client.say("XCLIENT ADDR=192.0.2.7 NAME=mx.stranger.example")
        client.ehlo()
        client.say("MAIL FROM:<>")
        for local in (ASKED, TAKEN):
            reply = client.say(f"RCPT TO:<{local}@{DOMAIN}>")
            assert reply.code == 550
            assert "not a return path of this domain" in reply.text
    site.postfix.set(non_smtpd_milters="$bouncegate_milter")
    site.postfix.reload()
    site.postfix.sendmail(message("News"), SENDER, [f"{ASKED}@{DOMAIN}", "reader@remote.example"])
    site.postfix.wait_for_log(r"to=<reader@remote\.example>,.*status=sent")
    site.postfix.wait_until_empty()


def test_the_probe_sees_a_sender_that_is_rewritten_by_ways_that_no_parameter_shows(
    folder: LabFolder,
) -> None:
    """What looks like an extension of `b` is looked up without it (canonical(5))."""
    site = Site(folder, chroot=False)
    site.postfix.set(
        recipient_delimiter="-",
        sender_canonical_maps=f"inline:{{ b@{DOMAIN}=news@example.com }}",
    )
    site.postfix.reload()
    first = site.run("enable", "--enforce", "--yes")
    assert first.returncode == 1
    assert b"probe: sender: the sender that leaves is news-" in first.stdout
    site.postfix.reset("recipient_delimiter", "sender_canonical_maps")
    site.postfix.reload()
    again = site.run("enable", "--enforce", "--yes")
    assert again.returncode == 0, again.stdout


def test_where_signed_senders_are_masqueraded_nothing_is_changed(folder: LabFolder) -> None:
    site = Site(folder, chroot=False)
    site.postfix.set(masquerade_domains="example.com")
    before = site.files()
    first = site.run("enable", "--yes")
    assert first.returncode == 78
    assert f"let it begin with !{DOMAIN}".encode() in first.stdout
    assert site.files() == before
    site.postfix.set(masquerade_domains=f"!{DOMAIN} example.com")
    again = site.run("enable", "--enforce", "--yes")
    assert again.returncode == 0, again.stdout


def test_a_route_by_sender_is_told_before_and_kept_by_an_entry_for_the_return_domain(
    folder: LabFolder,
) -> None:
    site = Site(folder, chroot=False)
    parameter = "sender_dependent_default_transport_maps"
    routes = {"@example.com": "discard:by-sender"}
    site.postfix.set(**{parameter: site.postfix.table("routes", routes), "relayhost": ""})
    first = site.run("enable")
    assert first.returncode == 64, "not agreed to"
    assert f"note: {parameter} is asked with the signed sender".encode() in first.stdout
    site.postfix.table("routes", {**routes, f"@{DOMAIN}": "discard:by-sender"})
    again = site.run("enable", "--enforce", "--yes")
    assert (again.returncode, f"note: {parameter}".encode() in again.stdout) == (0, False)
    site.postfix.submit(SENDER, ["ann@remote.example"])
    found = site.postfix.wait_for_log(r"from=<(\S+)>.*nrcpt=1[\s\S]*ann@remote.*by-sender")
    assert found[1].endswith(f"@{DOMAIN}")
