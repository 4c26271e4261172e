"""Every view and dialog of the page, for the tests that look at each of them."""

from typing import Final

from bouncegate.web.access.jobrecords import Job
from bouncegate.web.page.tabs import TABS

VIEWS: Final = (
    "/",
    *(f"/recipients?tab={tab.name}" for tab in TABS),
    "/recipients?tab=hard&q=info",
    "/recipients?tab=locked&ends=7",
    "/recipients?tab=soft&provider=nowhere.example",
    "/recipients/nobody@example.org",
    "/recipients/{soft}",
    "/recipients/{hard}",
    "/mailings",
    "/mailings/2026-11%20Offers",
    "/groups",
    "/groups/news.example.com",
    "/incidents",
    "/requests",
    "/rules",
    "/rules/reasons",
    "/audit",
    "/jobs",
    *(f"/jobs/0badcafe-{number}" for number in range(1, 5)),
    "/check",
    "/corrections",
    "/settings/tokens",
    "/settings/sessions",
    "/no-such-page",
)
"""`{soft}` and `{hard}` stand for addresses that are locked so."""

JOBS: Final = (
    Job("0badcafe-1", "user:admin", 1_790_000_000, "/recipients?tab=soft", "mailboxes were emptied",
        "desk@kernel.org", "done", is_decided=True, total=1300, done=1234, kept=66,
        ended=1_790_000_060, stayed={"hard": 1434, "manual": 1, "complaint": 2},
        mail_fault="exit status 75"),
    Job("0badcafe-2", "user:admin", 1_790_000_000, "/recipients?tab=soft", "mailboxes were emptied",
        state="running", is_decided=True, total=100_000, done=41_000),
    Job("0badcafe-3", "user:admin", 1_790_000_000, why="w", state="waiting"),
    Job("0badcafe-4", "token:shop", 1_790_000_000, why="w", state="interrupted",
        ended=1_790_000_060),
)  # fmt: skip
"""As the daemon writes them down; it takes what it does not know of for what runs elsewhere."""

QUESTIONS: Final = (
    "/unlock?a={hard}",
    "/unlock?query=/recipients%3Ftab%3Dsoft",
    "/lock",
    "/lock?a={soft}",
    "/correct?a={soft}",
    "/purge?a={soft}",
    "/requests/new?a={hard}",
)
"""Pages of their own, and dialogs where a script runs."""
