"""The form in which a reason is defined."""

from typing import NamedTuple

from bouncegate.config.taxonomy import Blame, Category, Kind


class Definition(NamedTuple):
    """What one reason means, and what the sender can do about it."""

    number: int
    kind: Kind
    category: Category
    blame: Blame
    meaning: str
    advice: str
