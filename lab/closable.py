"""What the end of a `with` block closes."""

from abc import ABC, abstractmethod
from typing import Self


class Closable(ABC):
    """An object with `close`, which the end of a `with` block calls."""

    @abstractmethod
    def close(self) -> None:
        """Release everything."""

    def __enter__(self) -> Self:
        """The object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
