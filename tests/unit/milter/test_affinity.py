"""A busy worker keeps to a core; one that is not runs where the MTA does, which costs less."""

from bouncegate.milter.affinity import Affinity

CORES = frozenset({2, 5})


class Worker:
    """A worker with clocks of its own, which records where it was moved."""

    def __init__(self, place: int = 1, workers: int = 2) -> None:
        self.moves: list[frozenset[int]] = []
        self.now = self.used = 0.0
        self.core = Affinity(
            place, workers, CORES, self.moves.append, lambda: (self.now, self.used)
        )

    def pass_seconds(self, count: int, share: float) -> None:
        for _ in range(count):
            self.now += 1.0
            self.used += share
            self.core.update()


def test_a_worker_moves_freely_until_it_is_busy_and_then_has_a_core_of_its_own() -> None:
    worker = Worker()
    worker.pass_seconds(100, 0.3)
    assert worker.moves == []
    worker.pass_seconds(100, 0.6)
    assert worker.moves == [{5}]


def test_a_pause_in_the_load_moves_nobody_and_its_end_does() -> None:
    worker = Worker()
    worker.pass_seconds(1, 0.9)
    worker.pass_seconds(9, 0.0)
    worker.pass_seconds(1, 0.9)
    assert worker.moves == [{5}]
    worker.pass_seconds(10, 0.0)
    assert worker.moves == [{5}, CORES]


def test_workers_that_would_have_to_share_a_core_are_never_kept_to_one() -> None:
    for worker in (Worker(0, workers=1), Worker(2, workers=3)):
        worker.pass_seconds(20, 0.9)
        assert worker.moves == []
