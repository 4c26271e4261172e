"""Nobody but us can make a return path that counts, and ours survives the journey."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.config.probe import SIGNED
from bouncegate.store.tokens.keys import Key, KeyFile, KeyFileError, KeyRing, load_or_make, rotate
from bouncegate.store.tokens.token import Finding, check, check_latest, sign

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


def test_what_postfix_s_tables_are_asked_for_has_the_form_of_a_token() -> None:
    assert check(KEYS, SIGNED, NOW, LIFETIME).finding is Finding.NO_TOKEN
    assert len(SIGNED) == len(sign(KEYS, "news@example.org", MESSAGE, NOW))
    assert SIGNED[:2] == sign(KEYS, "news@example.org", MESSAGE, NOW)[:2]


def test_a_token_is_what_it_was_yesterday() -> None:
    # A new version that signs otherwise would refuse every bounce that is under way.
    token = "b-aeaaaaacaaagvmj3qbwwk43tmftwkimhy5tffnk7rkefz2bbnzvhe53y"
    assert sign(KEYS, "ann@example.com", MESSAGE, NOW) == token


def test_a_token_names_the_machine_that_knows_the_message() -> None:
    token = check(KEYS, sign(KEYS, "", MESSAGE, NOW, machine=65_535), NOW, LIFETIME).token
    assert token is not None
    assert token.machine == 65_535


def test_a_token_is_for_its_only_recipient_and_nobody_else() -> None:
    token = check(KEYS, sign(KEYS, "ann@example.com", MESSAGE, NOW), NOW, LIFETIME).token
    assert token is not None
    assert token.is_of_one
    assert token.is_for("ann@example.com")
    assert not any(map(token.is_for, ("", "bob@example.com", "ann@example.co", "Ann@example.com")))


def test_a_token_for_several_recipients_is_for_none_of_them_alone() -> None:
    token = check(KEYS, sign(KEYS, "", MESSAGE, NOW), NOW, LIFETIME).token
    assert token is not None
    assert not token.is_of_one
    assert not token.is_for("")


def test_the_digest_of_a_recipient_takes_the_key() -> None:
    """Whoever sees tokens cannot find out by trying for whom they are."""
    one, other = (
        check(ring, sign(ring, "ann@example.com", MESSAGE, NOW), NOW, LIFETIME).token
        for ring in (KEYS, KeyRing(KEYS.keys[:1]))
    )
    assert one is not None
    assert other is not None
    assert one.recipient != other.recipient


@pytest.mark.parametrize("version", [0, 2, 255])
def test_a_token_of_another_version_is_none_of_ours(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bouncegate.store.tokens.token._VERSION", version)
        local = sign(KEYS, "", MESSAGE, NOW)
    assert check(KEYS, local, NOW, LIFETIME).finding is Finding.NO_TOKEN


def test_a_secret_is_in_no_text_that_could_be_logged() -> None:
    token = check(KEYS, sign(KEYS, "", MESSAGE, NOW), NOW, LIFETIME).token
    assert repr(KEYS.current.secret)[2:10] not in f"{token} {KEYS.keys}"


@given(st.text(max_size=300), st.binary(min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_every_token_fits_into_a_local_part_and_survives_folding(
    sender: str, message: bytes, now: int
) -> None:
    local = sign(KEYS, sender, message, now)
    assert len(local) == 58, "64 are allowed"
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
    assert check(KEYS, local, NOW - 86_400, LIFETIME).finding is Finding.GOOD


@pytest.mark.parametrize("ahead", [86_401, 40 * 86_400, 800 * 86_400])
def test_a_token_that_was_signed_by_a_clock_far_ahead_is_ours(ahead: int) -> None:
    """The clock was set right since, and bounces of what was sent meanwhile still come."""
    checked = check(KEYS, sign(KEYS, "", MESSAGE, NOW + ahead), NOW, LIFETIME)
    assert (checked.finding, checked.token and checked.token.message) == (
        Finding.MISDATED,
        MESSAGE,
    )


def test_a_token_that_is_older_than_its_key_was_signed_by_a_clock_that_was_behind() -> None:
    ring = KeyRing((Key(7, NOW, b"k" * 32),))
    for age in (2 * 86_400, 365 * 86_400):
        local = sign(ring, "", MESSAGE, NOW - age)
        finding = check(ring, local, NOW + LIFETIME, LIFETIME).finding
        assert finding is Finding.MISDATED, age
    assert check(ring, sign(ring, "", MESSAGE, NOW), NOW + LIFETIME + 1, LIFETIME).token is None


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
        rotate(path, NOW + day, 0)
    keys = KeyRing.load(path)
    assert keys.current.made == NOW + 5
    assert check(keys, local, NOW + 5, LIFETIME).finding is Finding.GOOD


def test_keys_of_many_rotations_go_and_no_two_machines_number_them_alike(tmp_path: Path) -> None:
    numbers: set[int] = set()
    for machine in range(5):
        path = tmp_path / str(machine)
        keys = load_or_make(path, NOW)
        for day in range(20):
            keys = rotate(path, NOW + day, 0)
        assert len(keys.keys) == 16
        numbers |= {key.number for key in keys.keys}
    assert len(numbers) == 5 * 16


def test_a_key_stays_while_a_token_that_it_signed_may_prove_anything(tmp_path: Path) -> None:
    """Whoever rotates every day has more keys than a rotation keeps whatever their age."""
    path, day, lifetime = tmp_path / "keys", 86_400, 30 * 86_400
    local = sign(load_or_make(path, NOW), "", MESSAGE, NOW + day - 1)
    for number in range(1, 31):
        rotate(path, NOW + number * day, lifetime)
    last = NOW + 30 * day
    assert check(KeyRing.load(path), local, last, lifetime).finding is Finding.GOOD
    rotate(path, last + day, lifetime)
    assert check(KeyRing.load(path), local, last + day, lifetime).finding is Finding.UNKNOWN_KEY


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> KeyFile:
    path = tmp_path / "keys"
    load_or_make(path, NOW)
    rotate(path, NOW, 0)
    return KeyFile(path, NOW, clock)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_a_key_that_is_taken_out_of_the_file_ends_within_a_second(
    keys: KeyFile, tmp_path: Path, clock: Clock, how: str
) -> None:
    path = tmp_path / "keys"
    stolen, newest = (sign(KeyRing((key,)), "", MESSAGE, NOW) for key in keys.ring.keys)
    left = lines_of(path)[-1]
    if how == "in place":
        path.write_text(left)
    else:
        other = tmp_path / "other"
        other.write_text(left)
        other.chmod(0o600)
        other.replace(path)
    clock.now = 1.0
    assert check_latest(keys, stolen, NOW, LIFETIME).finding is Finding.UNKNOWN_KEY
    assert check_latest(keys, newest, NOW, LIFETIME).finding is Finding.GOOD


def test_a_key_that_was_added_signs_within_a_second(
    keys: KeyFile, tmp_path: Path, clock: Clock
) -> None:
    added = rotate(tmp_path / "keys", NOW, 0).current
    clock.now = 1.0
    assert keys.ring.current == added


def test_a_key_file_is_looked_at_once_a_second_at_most(
    keys: KeyFile, tmp_path: Path, clock: Clock
) -> None:
    before = keys.ring
    rotate(tmp_path / "keys", NOW, 0)
    clock.now = 0.9
    assert keys.ring is before
    clock.now = 1.0
    assert keys.ring is not before


@pytest.mark.parametrize("how", ["garbage", "empty", "gone", "open to others", "a folder"])
def test_a_key_file_that_cannot_be_read_believes_nobody_and_mail_is_signed_on(
    keys: KeyFile, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    path = tmp_path / "keys"
    whole, current = path.read_text(), keys.ring.current
    tokens = [sign(KeyRing((key,)), "", MESSAGE, NOW) for key in keys.ring.keys]
    if how == "open to others":
        path.chmod(0o644)
    else:
        path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how in ("garbage", "empty"):
        path.write_text("no key\n" if how == "garbage" else "")
        path.chmod(0o600)
    for second in range(1, 60):
        clock.now = second
        for token in tokens:
            finding = check_latest(keys, token, NOW, LIFETIME).finding
            assert finding is Finding.KEYS_UNREADABLE
        assert check_latest(keys, "bounces", NOW, LIFETIME).finding is Finding.NO_TOKEN
        assert keys.ring.current == current
    assert len(caplog.records) == 1
    assert "mail is still signed; bounces wait" in caplog.text
    clock.now = 61
    assert keys.ring.current == current
    assert len(caplog.records) == 2, "it is said again each minute"
    if how == "a folder":
        path.rmdir()
    path.write_text(whole)
    path.chmod(0o600)
    clock.now = 62
    assert {check_latest(keys, token, NOW, LIFETIME).finding for token in tokens} == {Finding.GOOD}


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
