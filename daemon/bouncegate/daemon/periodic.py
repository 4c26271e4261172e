"""Work that comes round: each task in a thread of its own, so that a slow one delays no other."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

log: Final = logging.getLogger("bouncegate.maintain")

# What is in hand may finish, if it is quick. A task writes in whole transactions: to cut one off
# loses nothing but work.
_GRACE: Final = 5.0
_BEAT: Final = 10.0
_LOOK_EVERY: Final = 0.1


class PeriodicTask(NamedTuple):
    """Something that is done again and again."""

    name: str
    pause: float
    """Seconds from the end of one round to the beginning of the next."""
    run: Callable[[threading.Event], object]
    """One round; a long one looks at the event, which says stop."""


def run_once(tasks: Sequence[PeriodicTask], stop: threading.Event) -> bool | None:
    """One round of each, one after the other, until `stop`; tells whether all went well.

    In a thread, since the main one is to hear signals; None if it has not ended when this returns.
    """
    failed: list[str] = []

    def run() -> None:
        left = (task for task in tasks if not stop.is_set())
        failed.extend(task.name for task in left if not _run(task, stop))

    thread = threading.Thread(target=run, name="round", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.is_set():
        thread.join(_LOOK_EVERY)
    thread.join(_GRACE)
    return None if thread.is_alive() else not failed


def run_until(
    stop: threading.Event, tasks: Sequence[PeriodicTask], beat: Callable[[], None] = lambda: None
) -> bool:
    """All tasks, until `stop`; tells whether all had ended when this returns.

    `beat` is called every ten seconds meanwhile.
    """
    threads = [
        threading.Thread(target=_repeat, args=(task, stop), name=task.name, daemon=True)
        for task in tasks
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(_BEAT):
        beat()
    end = time.monotonic() + _GRACE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _repeat(task: PeriodicTask, stop: threading.Event) -> None:
    while not stop.is_set():
        _run(task, stop)
        stop.wait(task.pause)


def _run(task: PeriodicTask, stop: threading.Event) -> bool:
    try:
        task.run(stop)
    except Exception as error:
        expected = getattr(error, "exit_code", None) is not None or isinstance(error, OSError)
        log.error("%s failed: %s", task.name, error, exc_info=None if expected else error)
        return False
    return True
