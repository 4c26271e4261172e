"""A connection to the engine that comes back by itself, and what its errors mean.

All statements are single ones that commit by themselves: a client that stands still holds no lock.
A call ends within bounded time, whatever the network and the server do, also where a server takes
connections and never answers.
"""

import random
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from bouncegate.cluster.errors import (
    EngineAway,
    EngineError,
    EngineRefused,
    EntriesLost,
    NodeConflict,
    SecretConflict,
)
from bouncegate.cluster.postgresql.target import Target, is_local

T = TypeVar("T")

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries to connect, at most."""

_FIRST_PAUSE: Final = 0.5
_SETTINGS: Final = {
    # An append has to see what was committed while it waited for the lock.
    "default_transaction_isolation": "read committed",
    "search_path": "pg_catalog",
}
# What the server says no to, and will again; all else may pass.
_OURS: Final[dict[str, type[EngineError]]] = {
    "BG001": NodeConflict,
    "BG003": SecretConflict,
    "BG004": EntriesLost,
}
_REFUSING_CLASSES: Final = {"0A", "22", "23", "28", "3D", "3F", "42", "BG"}
_ADVICE: Final = {
    "42501": "; grant it with: GRANT bouncegate_machine TO that role",
    "42P01": "; `bouncegate cluster init` makes it",
    "3F000": "; `bouncegate cluster init` makes it",
    "42883": "; `bouncegate cluster init` brings the database up to date",
}


class Timeouts(NamedTuple):
    """How long a call may take, in seconds."""

    statement: float = 10.0
    """That the server works on a statement."""
    lock: float = 5.0
    """Of which it waits for the appends of others."""
    answer: float = 15.0
    """That we wait for its answer."""


DEFAULT_TIMEOUTS: Final = Timeouts()


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """One whose every answer is waited for no longer than `answer_timeout` seconds."""

    answer_timeout = DEFAULT_TIMEOUTS.answer

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As its parent; a `timeout` of the caller's own takes the place of ours."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        bounded = cast("PQGen[T]", _bounded(gen, self.answer_timeout))
        return super().wait(bounded, interval)


class Session:
    """The connection of one thread: made when it is needed, and again after it broke."""

    def __init__(
        self,
        target: Target,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """It connects when it is used; `clock` tells the seconds by which `sleep` sleeps."""
        self._target: Final = target
        self._clock: Final = clock
        self._sleep: Final = sleep
        self._timeouts: Final = timeouts
        self._connection: Connection | None = None
        self._failures = 0
        self._next_try = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next try to connect; 0: the next call tries, or is connected."""
        return max(self._next_try - self._clock(), 0.0) if self._connection is None else 0.0

    def rest(self, seconds: float) -> None:
        """Sleep until the next try to connect; raises EngineAway where that is later."""
        pause = self.pause
        if pause:
            self._sleep(min(pause, seconds))
        if pause > seconds:
            raise EngineAway(f"{self._target}: away; the next try is in {pause - seconds:.1f} s")

    def call(self, run: Callable[[Connection], T]) -> T:
        """Run something that may be run twice; raises EngineError.

        A connection that was used before may have died since, and is replaced once.
        """
        was_used = self._connection is not None
        try:
            return self._try(run)
        except EngineAway:
            if not was_used or self._connection is not None:
                raise
        return self._try(run)

    def fetch(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        statement = sql.encode()
        return self.call(lambda it: it.execute(statement, values, binary=True).fetchall())

    def run(self, sql: str, values: tuple[object, ...] = ()) -> None:
        """Run one statement without rows."""
        statement = sql.encode()
        self.call(lambda it: it.execute(statement, values))

    def close(self) -> None:
        """Let go of the connection; the next call makes one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _try(self, run: Callable[[Connection], T]) -> T:
        connection = self._connected()
        try:
            return run(connection)
        except psycopg.Error as error:
            if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                self.close()
            raise self._meaning(error) from error
        except EngineAway:
            self.close()
            raise

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        if self.pause:
            raise EngineAway(f"{self._target}: away; the next try is in {self.pause:.1f} s")
        try:
            self._connection = self._connect()
        except BaseException as error:
            pause = min(_FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
            # Many machines lose an engine at once, and should not all come back at once.
            self._next_try = self._clock() + pause * random.uniform(0.5, 1.0)
            self._failures = min(self._failures + 1, 10)
            if isinstance(error, psycopg.Error):
                raise self._meaning(error) from error
            raise
        self._failures = 0
        return self._connection

    def _connect(self) -> Connection:
        connection = Connection.connect(self._target.conninfo, autocommit=True)
        try:
            info = connection.info
            if not connection.pgconn.ssl_in_use and not is_local(info.hostaddr or info.host):
                raise EngineRefused(f"{self._target}: not encrypted, and not on this machine")
            connection.answer_timeout = self._timeouts.answer
            bounds = {
                "statement_timeout": f"{self._timeouts.statement * 1000:.0f}ms",
                "lock_timeout": f"{self._timeouts.lock * 1000:.0f}ms",
            }
            for name, value in (_SETTINGS | bounds).items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        except BaseException:
            connection.close()
            raise
        return connection

    def _meaning(self, error: psycopg.Error) -> EngineError:
        state = error.sqlstate or ""
        text = error.diag.message_primary or str(error).strip().partition("\n")[0] or "no answer"
        text = f"{self._target}: {text}{_ADVICE.get(state, '')}"
        if state in _OURS:
            return _OURS[state](text)
        if state[:2] in _REFUSING_CLASSES:
            return EngineRefused(text)
        return EngineAway(text)


def _bounded(gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """The same, and EngineAway once the time is up."""
    end = time.monotonic() + seconds
    try:
        state = next(gen)
        while True:
            ready = yield state
            if time.monotonic() >= end:
                gen.close()
                raise EngineAway(f"the engine did not answer within {seconds:g} s")
            state = gen.send(ready)
    except StopIteration as done:
        return cast("T", done.value)
