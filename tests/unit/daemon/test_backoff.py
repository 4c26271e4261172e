"""How long a dead worker stays away."""

from bouncegate.daemon.backoff import Backoff


def test_a_worker_that_was_killed_is_replaced_at_once() -> None:
    assert Backoff().after(3600.0) == 0.0
    assert Backoff().after(0.1) == 0.0


def test_a_crash_loop_waits_longer_and_longer_but_at_most_a_minute() -> None:
    backoff = Backoff()
    delays = [backoff.after(0.1) for _ in range(10)]
    assert delays == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_long_life_ends_a_crash_loop() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert backoff.after(3600.0) == 0.0
    assert backoff.after(0.1) == 1.0
