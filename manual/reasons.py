"""The section REASONS, generated from the classifier's closed list."""

from bouncegate.config.counting import counts_by_default, why
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import FINER, GENERAL, Reason
from manual.mdoc import argument, tagged, text


def reasons() -> str:
    """Each reason with its definition and the advice that goes with it, finer ones below."""
    return tagged(
        (f"Cm {argument(str(reason))}", _told(reason, general))
        for general in GENERAL
        for reason in (general, *FINER.get(general, ()))
    )


def _told(reason: Reason, general: Reason) -> str:
    one = REASONS[reason]
    finer = "" if reason is general else f"finer than {general}; "
    counts = "Counts" if counts_by_default(reason) else "Does not count"
    because = f" {counts}: {why(reason)}." if why(reason) else ""
    return text(f"({finer}{one.kind}, {one.category}): {one.meaning}. {one.advice}{because}")
