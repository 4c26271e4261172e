"""The fast clock of a lab: processes that are given it agree, and their pauses are shorter."""

import os
import subprocess
import sys
import time
from pathlib import Path

from lab.fastclock import FastClock

_TELL = """
import threading, time
began = time.perf_counter()
threading.Event().wait(600)
print(time.time(), time.time_ns() / 1e9, time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())
print(time.perf_counter() - began)
"""
_SPEED = 10_000.0


def _told(clock: FastClock) -> list[float]:
    env = {**os.environ, **clock.environment}
    out = subprocess.run([sys.executable, "-c", _TELL], env=env, capture_output=True, check=True)
    return [float(word) for word in out.stdout.split()]


def test_a_process_with_the_clock_is_as_far_ahead_as_the_clock_says(tmp_path: Path) -> None:
    clock = FastClock(tmp_path, _SPEED)
    began, up = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    time.sleep(0.2)
    before = clock.passed()
    told, told_ns, boot, monotonic, waited = _told(clock)
    after = clock.passed()
    slack = 0.1 * _SPEED  # between two looks at two clocks
    assert before - slack <= told - began <= after + slack
    assert abs(told - told_ns) < slack
    assert before - slack <= boot - up <= after + slack
    assert monotonic < time.monotonic()
    assert waited < 60


def test_processes_agree(tmp_path: Path) -> None:
    clock = FastClock(tmp_path, _SPEED)
    first, second = _told(clock)[0], _told(clock)[0]
    assert 0 < second - first < clock.passed()
