"""The header fields of every answer, errors included: what a browser may do with it."""

from typing import Final

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    # Pages show addresses. Static files whose names hold their hash say otherwise themselves.
    (b"cache-control", b"no-store"),
)

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""`Cache-Control` of a static file whose name changes with its content."""


def secured(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields of an answer with those above; what it says itself stays."""
    own = {name.lower() for name, _ in headers}
    return [*headers, *(field for field in SECURITY if field[0] not in own)]
