"""Work that comes round: each task in a thread of its own, so that a slow one delays no other."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

log: Final = logging.getLogger("bouncegate.maintain")

# What is in hand may finish, if it is quick. A task writes in whole transactions: to cut one off
# loses nothing but work.
_GRACE: Final = 5.0
_BEAT: Final = 10.0


class Task(NamedTuple):
    """Something that is done again and again."""

    name: str
    pause: float
    """Seconds from the end of one round to the beginning of the next."""
    run: Callable[[threading.Event], object]
    """One round; a long one looks at the event, which says stop."""


def run_once(tasks: Sequence[Task], stop: threading.Event) -> bool:
    """One round of each, one after the other; tells whether all went well."""
    failed = [task.name for task in tasks if not _run(task, stop)]
    return not failed


def run_until(
    stop: threading.Event, tasks: Sequence[Task], beat: Callable[[], None] = lambda: None
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
    for thread in threads:
        thread.join(_GRACE)
    return not any(thread.is_alive() for thread in threads)


def _repeat(task: Task, stop: threading.Event) -> None:
    while not stop.is_set():
        _run(task, stop)
        stop.wait(task.pause)


def _run(task: Task, stop: threading.Event) -> bool:
    try:
        task.run(stop)
    except Exception as error:
        expected = getattr(error, "exit_code", None) is not None or isinstance(error, OSError)
        log.error("%s failed: %s", task.name, error, exc_info=None if expected else error)
        return False
    return True
