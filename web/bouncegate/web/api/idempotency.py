"""`Idempotency-Key`: a POST that is sent again is not done again, but answered as before."""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from bouncegate.web.access.idempotency import (
    LONGEST_KEY,
    Kept,
    KeyReused,
    StillRuns,
    fingerprint_of,
)
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call

HEADER: Final = "idempotency-key"
_REPLAYED: Final = {"idempotency-replayed": "true"}


def with_key(handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
    """The handler of a POST, which heeds the key of a request that has one."""

    def answer(call: Call) -> Response:
        keys = call.request.headers.getlist(HEADER)
        if not keys:
            return handler(call)
        if len(keys) > 1 or not 0 < len(keys[0]) <= LONGEST_KEY:
            raise refused("parameter", f"one {HEADER} of up to {LONGEST_KEY} characters")
        return _once(handler, call, keys[0])

    return answer


def _once(handler: Callable[[Call], Response], call: Call, key: str) -> Response:
    url, token = call.request.url, call.person.token
    target = f"{url.path}?{url.query}" if url.query else url.path
    fingerprint = fingerprint_of(call.request.method, target, call.body)
    answers = call.site.access.idempotency
    try:
        kept = answers.begin(token, key, fingerprint, call.now)
    except KeyReused:
        raise refused("key-reused") from None
    except StillRuns:
        raise refused("in-progress", headers={"retry-after": "1"}) from None
    if kept is not None:
        where = {"location": kept.location} if kept.location else {}
        return Response(kept.body, kept.status, _REPLAYED | where, kept.media_type or None)
    try:
        response = handler(call)
    except BaseException:  # nothing was done: what is mended may be sent with the same key
        answers.forget(token, key)
        raise
    location = response.headers.get("location", "")
    media = response.media_type or ""
    body = bytes(response.body)
    answers.end(
        token, key, Kept(fingerprint, call.now, response.status_code, media, location, body)
    )
    return response
