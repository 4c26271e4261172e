"""Sealed octets open in their place alone, with the keys of the file, and never hold an address."""

import os
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.cluster.chain import is_blanked
from bouncegate.cluster.log import MAX_BODY
from bouncegate.cluster.sealing import (
    MAX_KEYS,
    MAX_PLAIN,
    KeyFileError,
    SealBroken,
    Sealer,
    UnknownKey,
    make_key,
)

OLD, NEW = (bytes(range(start, start + 32)) for start in (0, 100))
SEALER = Sealer([OLD])
BODY = b"ann@recipient.example"


@given(st.text("abc.-", min_size=1), st.integers(1, 2**63 - 1), st.binary(max_size=300))
def test_sealed_entry_opens_again(node: str, seq: int, body: bytes) -> None:
    sealed = SEALER.seal_entry(node, seq, body)
    assert SEALER.open_entry(node, seq, sealed) == body
    assert not is_blanked(sealed)


def test_sealed_entry_is_the_same_again_so_that_an_append_may_be_repeated() -> None:
    assert SEALER.seal_entry("a", 1, BODY) == SEALER.seal_entry("a", 1, BODY)
    others = {SEALER.seal_entry(*place, BODY)[5:17] for place in [("a", 2), ("b", 1)]}
    others.add(SEALER.seal_entry("a", 1, BODY + b"!")[5:17])
    assert len({SEALER.seal_entry("a", 1, BODY)[5:17], *others}) == 4, "a nonce came twice"


def test_sealed_entry_does_not_show_what_it_says() -> None:
    assert b"ann" not in SEALER.seal_entry("a", 1, BODY)


@pytest.mark.parametrize(("node", "seq"), [("a", 2), ("b", 1)], ids=["number", "node"])
def test_sealed_entry_does_not_open_in_another_place(node: str, seq: int) -> None:
    with pytest.raises(SealBroken, match="altered since it was sealed, or put into another place"):
        SEALER.open_entry(node, seq, SEALER.seal_entry("a", 1, BODY))


def test_sealed_entry_does_not_open_as_a_secret_nor_an_old_version_as_a_new_one() -> None:
    sealed = SEALER.seal_secret("salt", 1, b"salt")
    assert SEALER.open_secret("salt", 1, sealed) == b"salt"
    for opened in (SEALER.open_entry, SEALER.open_secret):
        with pytest.raises(SealBroken):
            opened("salt", 2, sealed)
    with pytest.raises(SealBroken):
        SEALER.open_entry("salt", 1, sealed)


@given(st.data())
def test_sealed_entry_with_any_bit_changed_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(SEALER.seal_entry("a", 1, BODY))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        SEALER.open_entry("a", 1, bytes(sealed))


@given(st.binary(max_size=100))
def test_hostile_octets_are_refused_with_a_clear_error(octets: bytes) -> None:
    with pytest.raises(SealBroken, match="entry 1 of a: "):
        SEALER.open_entry("a", 1, octets)


def test_sizes_are_bounded_on_both_ways() -> None:
    assert len(SEALER.seal_entry("a", 1, bytes(MAX_PLAIN))) == MAX_BODY
    with pytest.raises(ValueError, match="too many to seal"):
        SEALER.seal_entry("a", 1, bytes(MAX_PLAIN + 1))
    with pytest.raises(SealBroken, match="are no sealed body"):
        SEALER.open_entry("a", 1, b"\x01" * (MAX_BODY + 1))


def test_key_that_is_not_in_the_file_is_named() -> None:
    sealed = SEALER.seal_entry("a", 1, BODY)
    with pytest.raises(UnknownKey, match=f"sealed with the key {SEALER.key_id}, and the key file"):
        Sealer([NEW]).open_entry("a", 1, sealed)


def test_key_is_changed_while_both_are_in_the_file_and_the_last_one_seals() -> None:
    both = Sealer([OLD, NEW])
    assert both.open_entry("a", 1, SEALER.seal_entry("a", 1, BODY)) == BODY
    assert Sealer([NEW]).open_entry("a", 2, both.seal_entry("a", 2, BODY)) == BODY
    prepared = Sealer([NEW, OLD])
    assert prepared.seal_entry("a", 3, BODY) == SEALER.seal_entry("a", 3, BODY)


def test_key_is_not_in_what_the_sealer_shows() -> None:
    assert OLD.hex() not in repr(vars(SEALER))
    assert repr(OLD)[2:-1] not in repr(vars(SEALER))


def test_digest_tells_names_apart_under_one_key_alone() -> None:
    assert SEALER.digest("gmx.de") == Sealer([NEW, OLD]).digest("gmx.de") != SEALER.digest("web.de")
    assert SEALER.digest("gmx.de") != Sealer([NEW]).digest("gmx.de")
    assert len(SEALER.digest("gmx.de")) == 16


def test_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "cluster.key"
    make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    sealed = Sealer.load(path).seal_entry("a", 1, BODY)
    assert Sealer.load(path).open_entry("a", 1, sealed) == BODY
    with pytest.raises(KeyFileError, match="exists already"):
        make_key(path)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "not a key file"),
        (secrets.token_bytes(31), "not a key file"),
        (secrets.token_bytes(32) + b"\n", "not a key file"),
        (secrets.token_bytes(32 * (MAX_KEYS + 1)), "not a key file"),
        (bytes(32), "not random octets"),
    ],
    ids=["empty", "short", "line end", "too many", "zeros"],
)
def test_key_file_with_anything_else_is_refused(tmp_path: Path, octets: bytes, said: str) -> None:
    path = tmp_path / "cluster.key"
    path.write_bytes(octets)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=said):
        Sealer.load(path)


def test_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cluster.key"
    make_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=f"readable by other users: chmod 600 {path}"):
        Sealer.load(path)


def test_key_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="not found: copy it from a machine of the cluster"):
        Sealer.load(tmp_path / "cluster.key")
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(KeyFileError, match="fifo"):
        Sealer.load(tmp_path / "fifo")
    with pytest.raises(KeyFileError, match="cannot be made: No such file"):
        make_key(tmp_path / "nowhere" / "cluster.key")
