"""The section REASONS, generated from the classifier's closed list."""

from bouncegate.config.taxonomy import REASONS
from manual.mdoc import argument, tagged, text


def reasons() -> str:
    """Each reason with its definition and the advice that goes with it."""
    return tagged(
        (
            f"Cm {argument(str(reason))}",
            text(f"({one.kind}, {one.category}): {one.meaning}. {one.advice}"),
        )
        for reason, one in REASONS.items()
    )
