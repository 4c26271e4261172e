"""Keys are shown without their secrets, and rotated without a bounce lost."""

import json
from pathlib import Path

from bouncegate.store.tokens.keys import KeyRing

from .conftest import Command


def test_no_key_yet_is_no_error(bouncegate: Command) -> None:
    done = bouncegate("keys", "list")
    assert (done.code, done.out) == (0, "")
    assert "no key yet" in done.err


def test_a_rotation_adds_a_key_that_signs_and_keeps_the_old_one(
    config: Path, bouncegate: Command
) -> None:
    for _ in range(2):
        assert bouncegate("keys", "rotate").code == 0
    listed = [json.loads(line) for line in bouncegate("keys", "list", "--json").out.splitlines()]
    assert [key["signs"] for key in listed] == [False, False, True]
    assert len({key["key"] for key in listed}) == 3
    assert bouncegate("keys", "list").out.count("yes") == 1


def test_no_secret_is_ever_shown(config: Path, bouncegate: Command) -> None:
    bouncegate("keys", "rotate")
    ring = KeyRing.load(config.parent / "store" / "keys")
    shown = bouncegate("keys", "list").out + bouncegate("keys", "list", "--json").out
    assert not any(key.secret.hex()[:8] in shown for key in ring.keys)
