"""Every view and dialog of the page, for the tests that look at each of them."""

from typing import Final

from bouncegate.web.page.tabs import TABS

VIEWS: Final = (
    "/",
    *(f"/recipients?tab={tab.name}" for tab in TABS),
    "/recipients?tab=hard&q=info",
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
    "/check",
    "/corrections",
    "/settings/tokens",
    "/settings/sessions",
    "/no-such-page",
)
"""`{soft}` and `{hard}` stand for addresses that are locked so."""

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
