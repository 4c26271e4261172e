"""The settings that decide what a bounce does, as machines that share an index hand them on.

All machines must come to the same from the same entries, so these settings are themselves an entry
of the shared log. What else a machine's configuration says is its own business.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from bouncegate.config.policysettings import GuardSettings, PolicySettings
from bouncegate.config.providers import ProviderSettings
from bouncegate.config.settings import AlarmSettings, RetentionSettings, Settings, Trust
from bouncegate.config.values import parse_domain
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers

_NAME_OCTETS: Final = 4


class Rules(Struct, frozen=True):
    """`[policy]`, `[guard]` and what goes with them; `encoded` is the whole in MessagePack."""

    encoded: bytes

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules of a configuration."""
        guard = settings.guard if settings.guard.enabled else None
        parts = _Parts(
            settings.policy_in_force,
            settings.return_path.count,
            guard,
            settings.alarm,
            settings.retention,
            settings.provider,
        )
        return cls(msgspec.msgpack.encode(parts, enc_hook=str))

    @property
    def name(self) -> str:
        """A short name by which people compare them."""
        return sha256(self.encoded).hexdigest()[: 2 * _NAME_OCTETS]

    def policy(self) -> Policy:
        """The policy that they make; raises msgspec.DecodeError for those of a later version.

        Its guard knows no sends: whether bounces are too many is found where they come in.
        """
        parts = msgspec.msgpack.decode(self.encoded, type=_Parts, dec_hook=_domain)
        guard = None
        if parts.guard is not None:
            guard = Guard(parts.guard, providers=Providers.of(parts.provider))
        return Policy(
            parts.policy, parts.trust, guard=guard, alarm=parts.alarm, retention=parts.retention
        )


class _Parts(Struct, frozen=True):
    policy: PolicySettings
    trust: tuple[Trust, ...]
    guard: GuardSettings | None
    alarm: AlarmSettings
    retention: RetentionSettings
    provider: tuple[ProviderSettings, ...]


def _domain(_kind: type[Any], value: object) -> object:
    return parse_domain(value)
