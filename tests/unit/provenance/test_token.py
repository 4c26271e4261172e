"""Nobody but us can make a return path that counts, and ours survives the journey."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.provenance.keys import Key, KeyFileError, KeyRing, load_or_make, rotate
from bouncegate.provenance.token import Finding, check, sign

NOW = 1_790_000_000
LIFETIME = 10 * 86_400
KEYS = KeyRing((Key(1, NOW, bytes(32)), Key(2, NOW, b"k" * 32)))
MESSAGE = b"message!"


def test_a_token_of_ours_is_good_and_names_its_message() -> None:
    local = sign(KEYS, "news@example.org", MESSAGE, NOW)
    checked = check(KEYS, local, NOW + LIFETIME, LIFETIME)
    assert checked.finding is Finding.GOOD
    assert checked.token is not None
    assert (checked.token.message, checked.token.time) == (MESSAGE, NOW)


def test_a_token_is_what_it_was_yesterday() -> None:
    # A new version that signs otherwise would refuse every bounce that is under way.
    assert (
        sign(KEYS, "news@example.org", MESSAGE, NOW) == "b-ajvlco4anvsxg43bm5ssd6guuwhnmhvhhwzecdxv"
    )


@given(st.text(max_size=300), st.binary(min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_every_token_fits_into_a_local_part_and_survives_folding(
    sender: str, message: bytes, now: int
) -> None:
    local = sign(KEYS, sender, message, now)
    assert len(local) <= 64
    assert local == local.lower()
    assert check(KEYS, local.upper(), now, LIFETIME).finding is Finding.GOOD


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "SRS0=AbCd=7X=return.example.org={}",
        "SRS1=Hx=forward.example==AbCd=7X=return.example.org={}",
        "bounces+{}",
        "{}+extra",
    ],
)
def test_a_token_is_found_in_what_others_make_of_it(form: str) -> None:
    local = form.format(sign(KEYS, "news@example.org", MESSAGE, NOW))
    assert check(KEYS, local, NOW, LIFETIME).finding is Finding.GOOD


@given(st.data())
def test_no_changed_token_is_good(data: st.DataObject) -> None:
    local = sign(KEYS, "news@example.org", MESSAGE, NOW)
    place = data.draw(st.integers(2, len(local) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
    changed = local[:place] + letter + local[place + 1 :]
    good = check(KEYS, changed, NOW, LIFETIME).finding is Finding.GOOD
    assert good == (changed == local)


@given(st.text())
def test_whatever_stands_there_is_no_token_of_ours(text: str) -> None:
    assert check(KEYS, text, NOW, LIFETIME).token is None


def test_a_token_has_its_time() -> None:
    local = sign(KEYS, "", MESSAGE, NOW)
    assert check(KEYS, local, NOW + LIFETIME + 1, LIFETIME).finding is Finding.STALE
    assert check(KEYS, local, NOW - 3600, LIFETIME).finding is Finding.STALE


def test_a_token_of_a_key_that_is_gone_or_not_ours_is_not_good() -> None:
    local = sign(KEYS, "", MESSAGE, NOW)
    assert check(KeyRing(KEYS.keys[:1]), local, NOW, LIFETIME).finding is Finding.UNKNOWN_KEY
    other = KeyRing((Key(2, NOW, b"o" * 32),))
    assert check(other, local, NOW, LIFETIME).finding is Finding.FORGED


def test_the_key_file_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    made = load_or_make(path, NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make(path, NOW + 1).keys == made.keys
    assert [p.name for p in tmp_path.iterdir()] == ["keys"]


def test_what_an_older_key_has_signed_stays_good_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    local = sign(load_or_make(path, NOW), "", MESSAGE, NOW)
    for day in range(1, 6):
        rotate(path, NOW + day)
    keys = KeyRing.load(path)
    assert keys.current.made == NOW + 5
    assert check(keys, local, NOW + 5, LIFETIME).finding is Finding.GOOD


def test_key_numbers_go_round_and_old_keys_go(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = load_or_make(path, NOW)
    for day in range(300):
        keys = rotate(path, NOW + day)
    assert len(keys.keys) == 16
    assert keys.current.number == (1 + 300) % 256


@pytest.mark.parametrize("content", ["", "x", "1 2026-01-01T00:00:00Z 00", "1 now " + "0" * 64])
def test_a_key_file_that_is_no_key_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=str(path)):
        KeyRing.load(path)


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    load_or_make(path, NOW)
    os.chmod(path, 0o640)  # noqa: PTH101
    with pytest.raises(KeyFileError, match="chmod 600"):
        KeyRing.load(path)
