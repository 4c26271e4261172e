"""The lists of Maintenance: what each shows, in its own words."""

from typing import Final, NamedTuple

from bouncegate.admin.views.rows import State
from bouncegate.store.summary import Summary


class Tab(NamedTuple):
    """One list."""

    name: str
    title: str
    lead: str
    empty: str
    state: State
    kind: str = ""
    """Only locks of this kind that bounces made: those by hand and by import are in all locks."""
    when: str = "Last bounce"
    """The title of the column of times."""

    @property
    def path(self) -> str:
        """Where it is, without filters."""
        return f"/recipients?tab={self.name}"

    @property
    def exports_soft(self) -> bool:
        """Whether the button of the export names soft bounces, as on the model page."""
        return self.name == "soft"

    def count(self, summary: Summary) -> int:
        """How many addresses are on it, as counted last."""
        if self.state is State.LOCKED:
            return int(getattr(summary.locked, self.kind or "total"))
        return int(getattr(summary, self.state))


TABS: Final = (
    Tab(
        "bounces",
        "All bounces",
        "Everyone whose mail could not be delivered, the latest first.",
        "No bounce has come in yet.",
        State.BOUNCED,
    ),
    Tab(
        "soft",
        "Locked soft",
        "Locked after repeated temporary failures. Freed by itself on the day shown.",
        "Nobody is locked for soft bounces.",
        State.LOCKED,
        "soft",
    ),
    Tab(
        "hard",
        "Locked hard",
        "Locked because nobody is there. Mailing them again costs reputation.",
        "Nobody is locked for hard bounces.",
        State.LOCKED,
        "hard",
    ),
    Tab(
        "locked",
        "All locks",
        "Every lock in force: by bounces, by complaints, by hand and by import.",
        "Nobody is locked.",
        State.LOCKED,
    ),
    Tab(
        "detected",
        "Detected",
        "Has bounced, but not often enough to be locked.",
        "Nobody has bounced without being locked.",
        State.DETECTED,
    ),
    Tab(
        "predicted",
        "Predicted",
        "Known to be bad for another group, or of a domain that takes no mail.",
        "Nobody is known to be bad elsewhere.",
        State.PREDICTED,
    ),
    Tab(
        "invalid",
        "Invalid",
        "Cannot be delivered as it is written. Most faults are seen at a glance.",
        "No address is written wrongly.",
        State.INVALID,
    ),
    Tab(
        "stale",
        "Not mailed for long",
        "Not mailed for three months or longer: it may have become a spam trap.",
        "Everyone was mailed not long ago.",
        State.STALE,
        when="Last mailed",
    ),
)

BY_NAME: Final = {tab.name: tab for tab in TABS}
