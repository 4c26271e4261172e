"""A reload lets go of all that the settings before it needed.

Rules take 3 MB once they are compiled: a daemon that kept those of each reload had grown from 47
to 65 MB after six of them, and every worker that it forked with it.
"""

import gc
import signal
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from bouncegate.config.endpoints import parse_endpoint
from bouncegate.config.settings import Settings
from bouncegate.daemon.child import DRAIN
from bouncegate.daemon.plan import Daemon, Plan, Timeouts, WorkerContext
from bouncegate.daemon.supervisor import Supervisor, signals_held

_RELOADS = 3


class Rules:
    """What a plan holds, as large as may be."""

    def __init__(self, is_good: bool) -> None:
        self.is_good = is_good

    def work(self, context: WorkerContext, on_ready: Callable[[], None]) -> int:
        if not self.is_good:
            return 1
        on_ready()
        while signal.sigtimedwait({DRAIN}, 0.01) is None:
            context.row.beat()
        return 0


class Site:
    """A daemon that is reloaded some times and then ended, each as soon as it says it is ready."""

    def __init__(self, good: Iterator[bool]) -> None:
        self._good = good
        self._rules: list[weakref.ref[Rules]] = []
        self.kept: list[int] = []
        """How many rules there were at each time that it was ready."""

    def run(self) -> None:
        endpoint = parse_endpoint("unix:/nowhere")
        daemon = Daemon("test", [("a",)], Settings, self._plan, (), endpoint, lambda: 0)
        with signals_held():
            Supervisor(daemon, self._plan(Settings(), None), self._hear, Timeouts(grace=0)).run()

    def _plan(self, settings: Settings, _old: Settings | None) -> Plan:
        rules = Rules(next(self._good))
        self._rules.append(weakref.ref(rules))
        return Plan(settings, 2, rules.work, "two workers")

    def _hear(self, state: str) -> None:
        if "READY=1" not in state:
            return
        self.kept.append(sum(rules() is not None for rules in self._rules))
        number = signal.SIGHUP if len(self.kept) <= _RELOADS else signal.SIGTERM
        # Not to the process, which may have threads that do not hold it.
        signal.pthread_kill(threading.get_ident(), number)


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """It comes seldom where little is allocated, as in a supervisor."""
    gc.disable()
    yield
    gc.enable()


def test_a_reload_lets_go_of_the_rules_before_it() -> None:
    site = Site(iter([True] * (_RELOADS + 1)))
    site.run()
    assert site.kept == [1] * (_RELOADS + 1)


def test_a_reload_that_fails_lets_go_of_the_rules_that_it_brought() -> None:
    site = Site(iter([True] + [False] * _RELOADS))
    site.run()
    assert site.kept == [1] * (_RELOADS + 1)
