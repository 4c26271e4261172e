"""The name under which the workers know the lock table that may come late."""

from bouncegate.store.latetable import LateTable

__all__ = ["LateTable"]
