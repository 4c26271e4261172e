"""Aliases of this machine on a real Postfix: one dead member locks itself, and not the alias."""

from collections.abc import Iterator
from typing import Final

import pytest

from lab.bouncegate import Bouncegate, Sections
from lab.postfix import Postfix
from lab.remote import Remote
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER: Final = "news@sender.test"
UNKNOWN: Final = "550 5.1.1 No such user"
ALIASES: Final = {
    "team@alias.example": "ann@member.example, gone@member.example, bob@member.example",
    "old@alias.example": "moved@member.example",
    "all@alias.example": "dead1@member.example, dead2@member.example",
}


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that signs, reads its log and has virtual aliases."""
    with MailSystem() as system:
        sections: Sections = {
            "return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]},
            "guard": {"enabled": False},
            "dns": {"enabled": False},
            "maillog": {"source": "file", "file": str(system.postfix.log), "trust_file": True},
        }
        system.gate.configure(sections)
        system.start()
        system.postfix.set(virtual_alias_maps=system.postfix.table("aliases", ALIASES))
        system.postfix.reload()
        dead = ("gone", "moved", "dead1", "dead2")
        system.remote.refuse({f"{local}@member.example": UNKNOWN for local in dead})
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


@pytest.fixture
def remote(system: MailSystem) -> Remote:
    """The remote server of this module."""
    return system.remote


def send(postfix: Postfix, to: str) -> int:
    """One message; the code of the answer to its recipient."""
    return postfix.submit(SENDER, [to])[to].code


def test_alias_with_a_dead_member_goes_on_reaching_the_others(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    assert send(postfix, "team@alias.example") == 250
    wait_for("the member is locked", lambda: gate.show("gone@member.example")["locked"])
    assert gate.run("maintain", "--once").returncode == 0
    assert not gate.show("team@alias.example")["locked"]
    assert send(postfix, "team@alias.example") == 250
    postfix.wait_until_empty()
    assert remote.accepted().count("ann@member.example") == 2
    explained = gate.run("explain", "team@alias.example").stdout.decode()
    assert "gone@member.example" in explained


@pytest.mark.parametrize("alias", ["old@alias.example", "all@alias.example"])
def test_alias_all_of_whose_members_are_dead_is_locked_by_the_log(
    postfix: Postfix, gate: Bouncegate, alias: str
) -> None:
    assert send(postfix, alias) == 250
    postfix.wait_until_empty()

    def is_locked() -> bool:
        assert gate.run("maintain", "--once").returncode == 0
        return bool(gate.show(alias)["locked"])

    wait_for("the log has told", is_locked)
    assert send(postfix, alias) == 550
