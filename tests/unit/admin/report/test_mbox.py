"""Bounce messages in an mbox: one that was cut in two, or changed, is no evidence any more."""

import mailbox
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bouncegate.admin.report.mbox import eml_name, mbox_entry, unquoted

# Whatever a reader of mbox could stumble over, and any octets besides.
_PIECES = st.one_of(
    st.sampled_from(
        [b"From ", b">From ", b">>From ", b"From", b"\n", b"\r\n", b"\n\n", b" ", b">", b"\r", b""]
    ),
    st.binary(max_size=12),
)
_MESSAGES = st.lists(_PIECES, max_size=20).map(b"".join)


def read_back(octets: bytes) -> list[bytes]:
    """What Python's reader of mbox finds: the octets between the From lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        path.write_bytes(octets)
        with closing(mailbox.mbox(path, create=False)) as box:
            return [box.get_bytes(key) for key in sorted(box.keys())]


@given(st.lists(_MESSAGES, min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_each_message_comes_back_from_an_mbox_octet_by_octet(raws: list[bytes], at: int) -> None:
    found = read_back(b"".join(mbox_entry(raw, at) for raw in raws))
    assert len(found) == len(raws)
    for octets, raw in zip(found, raws, strict=True):
        # The one thing that mbox cannot tell is whether the message ended in a line end.
        assert unquoted(octets).removesuffix(b"\n") == raw.removesuffix(b"\n")


def test_a_reader_finds_when_each_message_came() -> None:
    entry = mbox_entry(b"Subject: x\n\nFrom y\n", 1_700_000_000)
    assert entry == (b"From MAILER-DAEMON Tue Nov 14 22:13:20 2023\nSubject: x\n\n>From y\n\n"), (
        "in UTC, and in no language but RFC 4155's"
    )


def test_files_of_messages_stand_in_the_order_in_which_they_came() -> None:
    early, late = ((t).to_bytes(4, "big") + b"\xff\x01" for t in (999_999_999, 1_000_000_000))
    assert eml_name(early) == "20010909T014639Z-ff01.eml"
    assert eml_name(early) < eml_name(late)
