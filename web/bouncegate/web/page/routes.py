"""The table of the page's routes."""

from typing import Final

from bouncegate.web.page import (
    auditlog,
    checking,
    correcting,
    corrections,
    downloads,
    files,
    incidents,
    jobs,
    locking,
    mailings,
    overview,
    purging,
    recipient,
    recipients,
    requests,
    rules,
    tokens,
    unlocking,
)
from bouncegate.web.routes import Route

ROUTES: Final[tuple[Route, ...]] = (
    *files.ROUTES,
    *overview.ROUTES,
    *recipients.ROUTES,
    *downloads.ROUTES,
    *recipient.ROUTES,
    *unlocking.ROUTES,
    *jobs.ROUTES,
    *locking.ROUTES,
    *correcting.ROUTES,
    *purging.ROUTES,
    *requests.ROUTES,
    *checking.ROUTES,
    *corrections.ROUTES,
    *tokens.ROUTES,
    *mailings.ROUTES,
    *incidents.ROUTES,
    *auditlog.ROUTES,
    *rules.ROUTES,
)
