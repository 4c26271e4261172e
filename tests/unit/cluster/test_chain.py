"""The chain tells a log that is the same from one that is not, wherever a machine stands."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.memorylog import MemoryLog

from bouncegate.cluster.chain import blanked, chain_of, follow, is_blanked, verify
from bouncegate.cluster.errors import EngineForked, EntriesForgotten
from bouncegate.cluster.log import Head, Row

BODIES = st.lists(st.binary(max_size=40).map(b"\x01".__add__), min_size=1, max_size=12)
START = MemoryLog().head()


def log_of(bodies: list[bytes]) -> MemoryLog:
    log = MemoryLog(at=lambda: 1_000)
    log.append("a", list(enumerate(bodies, 1)))
    return log


def test_chain_of_a_row_is_fixed_for_all_versions() -> None:
    """SHA-256 of the octets that the module describes, made by other means."""
    found = chain_of(bytes(32), Row(1, "mx1", 7, 1_700_000_000_000, b"body", b""))
    assert found.hex() == "12e1e327d9c1c0cbd1123bb0908613c74b901511e9391f57a565bc84cea673c5"


@given(BODIES, st.data())
def test_chain_is_followed_over_rows_and_over_blanked_rows(
    bodies: list[bytes], data: st.DataObject
) -> None:
    log = log_of(bodies)
    log.blank(data.draw(st.lists(st.integers(1, len(bodies)))))
    assert follow(START, log.read(0, 100)) == log.head()


@given(BODIES, st.data())
def test_chain_breaks_where_any_column_of_a_row_is_changed(
    bodies: list[bytes], data: st.DataObject
) -> None:
    rows = log_of(bodies).read(0, 100)
    at = data.draw(st.integers(0, len(rows) - 1))
    row = rows[at]
    others = [
        row._replace(position=99),
        row._replace(node="b"),
        row._replace(seq=99),
        row._replace(at=1_001),
        row._replace(body=b"\x01 other"),
        row._replace(chain=bytes(32)),
    ]
    changed = data.draw(st.sampled_from(others))
    assume(changed != rows[at])
    with pytest.raises(EngineForked):
        follow(START, [*rows[:at], changed, *rows[at + 1 :]])


def test_chain_breaks_where_a_row_is_left_out() -> None:
    rows = log_of([b"\x01a", b"\x01b", b"\x01c"]).read(0, 100)
    with pytest.raises(EngineForked, match="from position 1 to 3"):
        follow(START, [rows[0], rows[2]])


@given(BODIES, st.data())
def test_verify_agrees_wherever_a_machine_stands(bodies: list[bytes], data: st.DataObject) -> None:
    log = log_of(bodies)
    rows = [Row(0, "", 0, 0, b"", START.chain), *log.read(0, 100)]
    log.forget(data.draw(st.integers(0, len(bodies))))
    for row in rows:
        if row.position >= log.begins_after:
            verify(log, row.position, row.chain)
        else:
            with pytest.raises(EntriesForgotten):
                verify(log, row.position, row.chain)


@given(BODIES, BODIES, BODIES)
def test_verify_finds_an_engine_that_went_back_and_went_on_otherwise(
    before: list[bytes], lost: list[bytes], since: list[bytes]
) -> None:
    log = log_of([*before, *lost])
    stand = log.head()
    log.lose(len(before))
    with pytest.raises(EngineForked, match="lost its last entries"):
        verify(log, *stand)
    assume(since[: len(lost)] != lost)
    log.append("a", list(enumerate(since, len(before) + 1)))
    with pytest.raises(EngineForked):
        verify(log, *stand)


def test_verify_finds_another_log_from_the_first_position_on() -> None:
    with pytest.raises(EngineForked, match="has other entries up to position 0"):
        verify(MemoryLog(), 0, bytes(31) + b"\x01")


def test_blanked_body_keeps_its_hash_and_is_told_from_a_sealed_one() -> None:
    once = blanked(b"\x01 sealed")
    assert is_blanked(once)
    assert not is_blanked(b"\x01" + once[1:])
    assert blanked(once) == once
    assert len(once) == 33


def test_head_after_no_rows_is_where_one_stands() -> None:
    assert follow(Head(7, b"x"), []) == Head(7, b"x")
