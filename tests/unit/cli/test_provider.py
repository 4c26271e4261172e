"""`provider` tells an operator why a bounce counted for whom it did."""

import json
from pathlib import Path

from tests.unit.admin.dns.liar import name_server, response_to

from lab.nameserver import NameServer

from .conftest import Command


def resolver(config: Path, address: str) -> None:
    with config.open("a") as file:
        file.write(f'[dns]\nresolvers = ["{address}"]\ntimeout = "1 second"\n')


def test_a_provider_is_told_by_domain_without_any_store_or_network(bouncegate: Command) -> None:
    view = json.loads(bouncegate("provider", "--json", "Ann@GMail.com").out)
    assert (view["domain"], view["provider"], view["evidence"], view["match"]) == (
        "gmail.com",
        "google",
        "domain",
        "gmail.com",
    )
    assert (view["status"], view["mx"], view["fetched"]) == ("unknown", [], None)
    assert json.loads(bouncegate("provider", "--json", "example.com").out)["evidence"] == "none"


def test_a_look_up_is_shown_and_kept(nsd: NameServer, config: Path, bouncegate: Command) -> None:
    resolver(config, nsd.resolver)
    asked = json.loads(bouncegate("provider", "--json", "--lookup", "google.test").out)
    assert (asked["provider"], asked["evidence"], asked["match"]) == ("google", "mx", "google.com")
    assert asked["mx"] == ["1 aspmx.l.google.com"]
    assert json.loads(bouncegate("provider", "--json", "@google.test").out) == asked
    table = bouncegate("provider", "google.test").out
    assert "1 aspmx.l.google.com" in table
    denied = json.loads(bouncegate("provider", "--json", "--lookup", "nowhere.test").out)
    assert (denied["status"], denied["denial"], denied["dead"]) == ("nxdomain", "nxdomain", False)


def test_a_look_up_without_answer_says_why_and_what_was_known_before(
    nsd: NameServer, config: Path, bouncegate: Command
) -> None:
    original = config.read_text()
    resolver(config, nsd.resolver)
    bouncegate("provider", "--lookup", "google.test")
    config.write_text(original)
    with name_server(lambda question, _tcp: response_to(question)) as lame:
        resolver(config, f"{lame.host}:{lame.port}")
        view = json.loads(bouncegate("provider", "--json", "--lookup", "google.test").out)
    assert (view["provider"], view["status"], view["failures"]) == ("google", "ok", 1)
    assert view["why"] == "none without the SOA of the zone"


def test_a_look_up_is_shown_where_the_store_cannot_be_written(
    nsd: NameServer, config: Path, bouncegate: Command
) -> None:
    resolver(config, nsd.resolver)
    (config.parent / "store").rmdir()
    done = bouncegate("provider", "--json", "--lookup", "google.test")
    assert json.loads(done.out)["provider"] == "google"
    assert "not stored: " in done.err


def test_what_is_no_domain_is_refused(bouncegate: Command) -> None:
    assert bouncegate("provider", "ann@exa mple").code == 65
