"""What can go wrong between a machine and the engine that keeps the log.

Three things to do, three classes: try again later, stop and call the operator, correct the setup.
"""

import os
from typing import ClassVar


class EngineError(Exception):
    """Something about the engine; its text says what to do where a person has to do something."""

    exit_code: ClassVar[int] = os.EX_UNAVAILABLE


class EngineAway(EngineError):
    """The engine cannot be asked now: try again later. Whether an append took effect is unknown."""

    exit_code = os.EX_TEMPFAIL


class EngineForked(EngineError):
    """The log tells another story than this machine has applied: apply nothing more, and alarm."""


class EngineRefused(EngineError):
    """The engine, or a rule of ours, says no, and will again: rights, settings, or a bad call."""

    exit_code = os.EX_CONFIG


class EntriesLost(EngineForked):
    """The log lacks entries of this node that it had acknowledged: append them again."""


class EntriesForgotten(EngineRefused):
    """Entries that this machine has not applied are no longer kept: it has to join anew."""


class NodeConflict(EngineRefused):
    """The log has other entries of this node: two machines have one name, or an old state."""


class SecretConflict(EngineRefused):
    """Another machine has put a version of the secret meanwhile: get it first."""
