"""Signatures by which a receiver knows that an event is ours (Standard Webhooks 1.0.0).

The secret is a file that only the daemon can read, a line each:

    whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw     one secret; two while one replaces the other
    authorization: Basic bGlzdG1vbms6c2VjcmV0  for receivers that know only that
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.config.regularfile import open_regular

PREFIX: Final = "whsec_"
_LEAST: Final = 24
_MOST: Final = 64
_MOST_SECRETS: Final = 2
_LARGEST: Final = 4096
_AUTHORIZATION: Final = re.compile(r"(?i:authorization):\s*([\x21-\x7e][\x20-\x7e]{0,1023})")


class SecretError(Exception):
    """A secret file cannot be used; the text says what to do."""

    exit_code: Final = os.EX_CONFIG


class Secret(NamedTuple):
    """What proves to a receiver that we send."""

    keys: tuple[bytes, ...] = ()
    authorization: str = ""

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The fields that a request carries."""
        found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
        if self.keys:
            signatures = (sign(key, message_id, timestamp, body) for key in self.keys)
            found["webhook-signature"] = " ".join(signatures)
        if self.authorization:
            found["authorization"] = self.authorization
        return found


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, with its version."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def read_secret(path: Path) -> Secret:
    """The secret in a file; raises SecretError."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SecretError(f"{path}: readable by other users: chmod 600 {path}")
            text = file.read(_LARGEST + 1).decode("ascii")
    except OSError as error:
        raise SecretError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{path}: not in ASCII: {_HINT}") from None
    lines = [line.strip() for line in text.splitlines()]
    secret = Secret()
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            secret = _with_line(secret, line, f"{path}:{number}")
    if secret == Secret() or len(secret.keys) > _MOST_SECRETS or len(text) > _LARGEST:
        raise SecretError(f"{path}: expected one secret, or two for a rotation: {_HINT}")
    return secret


_HINT: Final = 'one is made by: echo "whsec_$(openssl rand -base64 32)"'


def _with_line(secret: Secret, line: str, place: str) -> Secret:
    if match := _AUTHORIZATION.fullmatch(line):
        return secret._replace(authorization=match[1])
    try:
        key = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not line.startswith(PREFIX) or not _LEAST <= len(key) <= _MOST:
        raise SecretError(
            f"{place}: no secret: write {PREFIX} and {_LEAST} to {_MOST} octets in base64: {_HINT}"
        )
    return secret._replace(keys=(*secret.keys, key))
