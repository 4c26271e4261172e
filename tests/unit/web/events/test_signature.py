"""Signatures and their secrets."""

from pathlib import Path

import pytest

from bouncegate.web.events.signature import Secret, SecretError, read_secret, sign

# The example of the standard's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def secret_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_signature_is_that_of_the_reference_libraries(tmp_path: Path) -> None:
    (key,) = read_secret(secret_file(tmp_path, f"# of the shop\n{SECRET}\n\n")).keys
    body = b'{"test": 2432232314}'
    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == SIGNED


def test_a_secret_file_may_hold_an_authorization_too(tmp_path: Path) -> None:
    secret = read_secret(secret_file(tmp_path, f"Authorization: Basic YTpi\n{SECRET}\n"))
    headers = secret.headers("id", 1, b"{}")
    assert headers["authorization"] == "Basic YTpi"
    assert headers["webhook-signature"].startswith("v1,")


def test_an_authorization_alone_signs_nothing(tmp_path: Path) -> None:
    secret = read_secret(secret_file(tmp_path, "authorization: Bearer x\n"))
    assert "webhook-signature" not in secret.headers("id", 1, b"{}")


@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [
        (SECRET, 0o644, "readable by other users: chmod 600"),
        (SECRET, 0o640, "readable by other users"),
        ("", 0o600, "expected one secret"),
        (f"{SECRET}\n" * 3, 0o600, "expected one secret, or two"),
        ("whsec_YWJj\n", 0o600, ":1: no secret: write whsec_ and 24 to 64 octets"),
        ("secret\n", 0o600, ":1: no secret"),
        ("whsec_%%%\n", 0o600, ":1: no secret"),
        ("authorization: a\rb\n", 0o600, "no secret"),
        ("whsec_\xe4\n", 0o600, "not in ASCII"),
    ],
)
def test_what_is_wrong_with_a_secret_file_is_said(
    tmp_path: Path, text: str, mode: int, complaint: str
) -> None:
    with pytest.raises(SecretError) as caught:
        read_secret(secret_file(tmp_path, text, mode))
    assert complaint in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="none: cannot be read: No such file"):
        read_secret(tmp_path / "none")


def test_without_a_secret_nothing_is_signed() -> None:
    assert Secret().headers("id", 1, b"") == {"webhook-id": "id", "webhook-timestamp": "1"}
