"""Reads and classifies messages from the return path; usable as a library (README.md).

Pure: bytes in, verdicts out; no store, no config file, no network. The names below are imported
when they are first used, because compiling the rules takes time and the daemons' supervisors and
most commands do not need them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bouncegate.classifier.classified import ClassifiedMessage as ClassifiedMessage
    from bouncegate.classifier.classified import ClassifiedReport as ClassifiedReport
    from bouncegate.classifier.classified import classify as classify
    from bouncegate.classifier.classified import classify_reply as classify_reply
    from bouncegate.classifier.classifier import Classifier as Classifier
    from bouncegate.classifier.report import MessageType as MessageType
    from bouncegate.classifier.report import Report as Report
    from bouncegate.classifier.verdict import Explanation as Explanation
    from bouncegate.classifier.verdict import Verdict as Verdict
    from bouncegate.config.rules import load_rules as load_rules
    from bouncegate.config.taxonomy import Blame as Blame
    from bouncegate.config.taxonomy import Category as Category
    from bouncegate.config.taxonomy import Kind as Kind
    from bouncegate.config.taxonomy import Reason as Reason

_NAMES: Final = {
    "bouncegate.classifier.classified": (
        "ClassifiedMessage",
        "ClassifiedReport",
        "classify",
        "classify_reply",
    ),
    "bouncegate.classifier.classifier": ("Classifier",),
    "bouncegate.classifier.report": ("MessageType", "Report"),
    "bouncegate.classifier.verdict": ("Explanation", "Verdict"),
    "bouncegate.config.rules": ("load_rules",),
    "bouncegate.config.taxonomy": ("Blame", "Category", "Kind", "Reason"),
}
_MODULE_OF: Final = {name: module for module, names in _NAMES.items() for name in names}


def __dir__() -> list[str]:
    """The names that can be imported from here."""
    return sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a name when it is first used (PEP 562)."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
