"""Settings that do not fit one another, or Postfix: each is named, and what fits is not."""

import pytest

from bouncegate.admin.postfix.agreement import of_settings, with_postfix
from bouncegate.config.loading import loads

DEFAULTS = {
    "maximal_queue_lifetime": "5d",
    "bounce_queue_lifetime": "5d",
    "mynetworks": "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128",
}
SIGNED = '[return_path]\ndomain = "return.example.com"\n'


def test_defaults_of_both_agree() -> None:
    settings = loads(SIGNED)
    assert [*of_settings(settings), *with_postfix(settings, DEFAULTS)] == []


def test_own_senders_that_are_nobodys_are_named() -> None:
    (found,) = of_settings(loads(SIGNED + 'sign = "own"\n'))
    assert "no sender is signed" in found.text
    assert list(of_settings(loads(SIGNED + 'sign = "own"\nown_domains = ["example.com"]\n'))) == []


@pytest.mark.parametrize("table", ["milter", "return_path", "map"])
@pytest.mark.parametrize(("host", "is_open"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_socket_open_to_other_machines_is_named(table: str, host: str, is_open: bool) -> None:
    found = list(of_settings(loads(f'[{table}]\nsocket = "inet:{host}:8899"\n')))
    assert [f"[{table}] socket is inet:{host}:8899" in one.text for one in found] == [
        True
    ] * is_open


@pytest.mark.parametrize("name", ["maximal_queue_lifetime", "bounce_queue_lifetime"])
@pytest.mark.parametrize(
    ("value", "is_longer"),
    [("9", True), ("2w", True), ("193h", True), ("192h", False), ("0", False)],
)
def test_queue_that_outlives_a_return_path_is_named(name: str, value: str, is_longer: bool) -> None:
    values = {**DEFAULTS, name: value}
    found = list(with_postfix(loads(SIGNED), values))
    assert [one.text.startswith(f"{name} is {value}, longer") for one in found] == [
        True
    ] * is_longer
    assert list(with_postfix(loads(""), values)) == [], "no return path is signed"


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("192.0.2.0/24", "192.0.2.0/25, 192.0.2.128/25", []),
        ("192.0.2.0/25", "192.0.2.0/24", ["[outbound] networks lacks 192.0.2.0/24"]),
        ("192.0.2.0/24", "192.0.2.0/25", ["mynetworks lacks 192.0.2.0/24"]),
        ("2001:db8::/32", "[2001:db8::]/32", []),
        ("192.0.2.0/24", "cidr:/etc/postfix/networks", []),
    ],
)
def test_networks_wider_or_narrower_than_postfix_are_named(
    ours: str, theirs: str, said: list[str]
) -> None:
    settings = loads(f'[outbound]\nnetworks = ["{ours}"]\n')
    found = [one.text for one in with_postfix(settings, {"mynetworks": theirs})]
    assert [text.partition(",")[0] for text in found] == said
