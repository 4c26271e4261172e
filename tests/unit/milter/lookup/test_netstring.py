"""The framing of requests: whole ones are found however they arrive, nothing grows unbounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.milter.lookup.netstring import LONGEST, NetstringError, encode, split


@given(st.lists(st.binary(max_size=60)), st.data())
def test_whatever_the_pieces_in_which_they_arrive_all_requests_are_found(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(encode, payloads))
    found: list[bytes] = []
    rest = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        whole, rest = split(rest + stream[:size])
        found += whole
        stream = stream[size:]
    assert (found, rest) == (payloads, b"")


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"x", id="no digit"),
        pytest.param(b"GET / HTTP/1.1\r\n", id="another protocol"),
        pytest.param(b"-1:,", id="negative"),
        pytest.param(b"5:hello;", id="no comma"),
        pytest.param(b"99999", id="length without an end"),
        pytest.param(b"%d:" % (LONGEST + 1), id="too long"),
        pytest.param(b":,", id="no length"),
        pytest.param(b"\xd9\xa3:abc,", id="digits of another script"),
        pytest.param(b"2:ok,zzz", id="garbage behind a good one"),
    ],
)
def test_what_is_no_netstring_is_refused_at_once(octets: bytes) -> None:
    with pytest.raises(NetstringError):
        split(octets)


@given(st.binary(max_size=200))
def test_hostile_octets_are_refused_or_kept_within_bounds(octets: bytes) -> None:
    try:
        found, rest = split(octets)
    except NetstringError:
        return
    assert b"".join(map(encode, found)) + rest == octets or b":" in octets


def test_the_longest_request_is_taken() -> None:
    payload = b"x" * LONGEST
    assert split(encode(payload)) == ([payload], b"")
