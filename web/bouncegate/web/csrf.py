"""Whether a request that changes something comes from a form of ours, sent by whom it was made for.

Two proofs are asked for: what the browser says of the page that sent it (`Sec-Fetch-Site`, or
`Origin` where that is missing), which no page can forge, and a token in the form, which is bound to
the session or to the user that the proxy names, and which no other site can read.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from bouncegate.web.rights import Person

FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"


def token_for(key: bytes, person: Person, nonce: str = "") -> str:
    """The token of forms for somebody; `nonce` is that of the login's cookie, before there is."""
    if person.session:
        bound = b"session\0" + person.session
    elif person.is_known:
        bound = b"user\0" + person.name.encode("utf-8", "surrogatepass")
    else:
        bound = b"login\0" + nonce.encode("utf-8", "surrogatepass")
    return hmac.new(key, bound, hashlib.sha256).hexdigest()


def is_token(given: str, expected: str) -> bool:
    """Whether it is the token; takes the same time if not."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def is_same_origin(headers: Headers, base_url: str) -> bool:
    """Whether the browser says that a page of ours sent it; where it says nothing, none did."""
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return site is not None
    parts = urlsplit(origin)
    if not parts.netloc or parts.scheme not in ("http", "https"):
        return False
    hosts = {headers.get("host", ""), urlsplit(base_url).netloc}
    return parts.netloc in hosts
