"""What `postfix status` and `enable` make of content filters and of the way back from them."""

from pathlib import Path

import pytest

from bouncegate.admin.postfix.coverage import Coverage, State, coverage
from bouncegate.admin.postfix.facts import Facts, Service
from bouncegate.admin.postfix.plan import plan
from bouncegate.config.loading import loads

MILTER = "unix:/run/bouncegate/milter.sock"
BACK = "127.0.0.1:10025"
SIGNED = '[return_path]\ndomain = "return.example.com"\n'
UNSIGNED = "[ledger]\nenabled = true\n"


def facts(back: dict[str, str], name: str = BACK, **main: str) -> Facts:
    """A Postfix whose mail goes to a filter, and an smtpd(8) with these options of its own."""
    services = tuple(Service(one, "inet", False, "smtpd") for one in ("smtp", name))
    values = {
        "smtpd_milters": f"{{ {MILTER}, default_action=accept }}",
        "content_filter": "amavis:[127.0.0.1]:10024",
        "mail_version": "3.7.11",
        **main,
    }
    options = {f"{name}/inet": back}
    return Facts(Path("/etc/postfix"), values, values, frozenset(), services, options, options)


def of(found: Facts, toml: str, name: str = BACK) -> Coverage:
    return next(one for one in coverage(loads(toml), found) if one.subject == f"{name}/inet")


@pytest.mark.parametrize(
    "back",
    [
        {"content_filter": "", "receive_override_options": "no_milters,no_header_body_checks"},
        {"content_filter": "", "smtpd_milters": ""},
        {"smtpd_proxy_filter": "", "receive_override_options": "no_milters"},
    ],
)
def test_filter_whose_way_back_asks_no_milter_is_right(back: dict[str, str]) -> None:
    for toml in (SIGNED, UNSIGNED):
        assert of(facts(back), toml).state is State.OFF
        assert BACK not in " ".join(plan(loads(toml), facts(back)).notes)


def test_filter_whose_way_back_asks_again_is_told() -> None:
    found = facts({"content_filter": "", "receive_override_options": "no_address_mappings"})
    assert of(found, SIGNED).state is State.ATTACHED
    assert "asks the milter again" in of(found, SIGNED).text
    unsigned = of(found, UNSIGNED)
    assert (unsigned.state, "no_milters" in unsigned.text) == (State.TWICE, True)
    assert unsigned.text in " ".join(plan(loads(UNSIGNED), found).notes)


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("25", {"content_filter": "", "receive_override_options": "no_milters"}),
        (BACK, {"receive_override_options": "no_milters"}),
        ("192.0.2.1:25", {"content_filter": "", "smtpd_milters": ""}),
    ],
)
def test_what_does_not_show_that_a_filter_hands_back_there_is_not_covered(
    name: str, back: dict[str, str]
) -> None:
    assert of(facts(back, name), SIGNED, name).state is State.NOT_COVERED


def test_filter_without_a_way_back_is_shown() -> None:
    found = list(coverage(loads(SIGNED), facts({})))
    (told,) = [one for one in found if one.plane == "filter"]
    assert told.subject == "content_filter"
    assert "amavis:[127.0.0.1]:10024" in told.text
