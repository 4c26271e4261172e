"""The table of the page's routes."""

from typing import Final

from bouncegate.web.page import (
    auditlog,
    correcting,
    files,
    incidents,
    locking,
    mailings,
    overview,
    recipient,
    recipients,
    requests,
    rules,
    unlocking,
)
from bouncegate.web.routes import Route

ROUTES: Final[tuple[Route, ...]] = (
    *files.ROUTES,
    *overview.ROUTES,
    *recipients.ROUTES,
    *recipient.ROUTES,
    *unlocking.ROUTES,
    *locking.ROUTES,
    *correcting.ROUTES,
    *requests.ROUTES,
    *mailings.ROUTES,
    *incidents.ROUTES,
    *auditlog.ROUTES,
    *rules.ROUTES,
)
