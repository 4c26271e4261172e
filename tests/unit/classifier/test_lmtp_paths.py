"""Paths in MAIL FROM and RCPT TO: the short way must hear what aiosmtpd hears, or a DSN is lost."""

import asyncio

import pytest
from aiosmtpd.lmtp import LMTP

from bouncegate.classifier.lmtp import ReturnPathProtocol

PATHS = [
    "<>",
    "<> SIZE=1000",
    "<a2345.b-c+d=e@return.example.com>",
    "<a@return.example.com> ORCPT=rfc822;ann@example.com NOTIFY=NEVER",
    '<"ann @ home"@example.com> SIZE=1',
    "<@relay.example:ann@example.com>",
    "<ann@[192.0.2.1]>",
    "<ann>",
    "ann@example.com",
    "<ann@example.com",
    "<ann@example.com>x",
    "<" + "l" * 65 + "@example.com>",
    "<@>",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_heard_as_aiosmtpd_hears_it(path: str) -> None:
    loop = asyncio.new_event_loop()
    try:
        theirs = LMTP(object(), loop=loop)._getaddr(path)
        ours = ReturnPathProtocol(object(), lambda: None, loop=loop)._getaddr(path)
    finally:
        loop.close()
    assert [(part or "").strip() for part in ours] == [(part or "").strip() for part in theirs]
    assert (ours[0] is None) == (theirs[0] is None), "malformed is malformed either way"
