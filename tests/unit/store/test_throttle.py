"""The pace of bulk work: a bounce that comes in meanwhile must not wait for the write lock."""

from itertools import pairwise

from bouncegate.store.throttle import AIM, LEAST, MOST, Throttle


def paced(cost: float, sync: float = 0.0) -> list[int]:
    """The sizes of transactions that take so many seconds for each address, and to be synced."""
    pace, rooms = Throttle(), []
    for _ in range(20):
        rooms.append(pace.room)
        pace.took(pace.room, sync + cost * pace.room)
    return rooms


def test_work_that_is_slow_is_done_in_smaller_transactions() -> None:
    cost = AIM / 400
    assert all(room * cost <= AIM for room in paced(cost))
    assert paced(cost)[-1] == 400


def test_work_that_is_quick_takes_more_at_once_but_grows_step_by_step() -> None:
    rooms = paced(AIM / 100_000)
    assert rooms[-1] == MOST, "a transaction costs a sync, however little it does"
    assert all(after <= 2 * before for before, after in pairwise(rooms))


def test_a_slow_disk_does_not_make_the_work_endless() -> None:
    assert min(paced(AIM / 10_000, sync=10 * AIM)) == LEAST


def test_the_lock_is_left_to_others_half_as_long_as_it_was_held() -> None:
    pace = Throttle()
    pace.took(100, AIM / 2)
    assert pace.pause == AIM / 4
    pace.took(100, 1000 * AIM)
    assert pace.pause == AIM / 2, "nobody waits longer for his turn than that"
