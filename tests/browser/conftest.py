"""A real browser, Debian's chromium, before a site with months of bounces in its store."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, StorageState, sync_playwright
from tests.browser.views import JOBS
from tests.websites import WebSite

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.summary import summary_of
from bouncegate.config.websettings import Role
from bouncegate.web.access.access import Access
from bouncegate.web.access.jobrecords import Job
from bouncegate.web.rights import ROLES
from lab.sampledata import fill

CHROMIUM: Final = "/usr/bin/chromium"
PASSWORD: Final = "correct horse battery"
WIDE: Final = (1280, 900)
NARROW: Final = (390, 844)


@dataclass
class Visit:
    """One person before the page, and what the browser complained about meanwhile."""

    site: WebSite
    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a path of the site; its status. Who asks too often waits, as they are told."""
        while True:
            answer = self.page.goto(self.url(path))
            assert answer is not None
            if answer.status != 429:
                return answer.status
            self.complaints.clear()
            time.sleep(1)

    def url(self, path: str) -> str:
        """`localhost`: chromium takes cookies with `Secure` from there without TLS."""
        return f"http://localhost:{self.site.port}{path}"

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        self.page.locator("input[name=user]").fill(name)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("main form button").click()
        self.page.wait_for_load_state()


Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("browser")))
    installation = Installation(site.config)
    store, now = installation.open_store(), int(time.time())
    fill(store, installation.policy, now, people=200)
    store.summary.put(summary_of(installation, store, now))
    store.close()
    for role in ROLES:
        site.command("web", "account", "add", role, "--role", role, given=f"{PASSWORD}\n")
    with site.serving():
        for job in JOBS:  # not before: a start interrupts what runs
            write_job(site, job)
        yield site


def write_job(site: WebSite, job: Job) -> None:
    """Write a job down as the daemon does."""
    with closing(Access.open(Installation(site.config).settings)) as access:
        access.jobs.put(job)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the whole session: Playwright keeps an event loop running in this thread.
    with sync_playwright() as driver:
        # As root chromium has no sandbox of its own; it sees nothing but the page.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visiting(site: WebSite, browser: Browser, **options: Any) -> Iterator[Visit]:
    """A browser of its own for one person; `options` as for Playwright's contexts."""
    width, height = options.pop("size", WIDE)
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    visit = Visit(site, page, context)
    page.on("console", lambda line: _note(visit, line.type, line.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: _refuse(visit, dialog))
    try:
        yield visit
    finally:
        context.close()


def _refuse(visit: Visit, dialog: Dialog) -> None:
    """The page itself asks nothing by the browser's own dialogs."""
    visit.complaints.append(f"a script ran: {dialog.message}")
    dialog.dismiss()


def _note(visit: Visit, kind: str, text: str) -> None:
    """What breaks the policy for content (CSP) is among the errors of the console."""
    if kind in ("error", "warning"):
        visit.complaints.append(text)


@pytest.fixture(scope="module")
def sessions(filled: WebSite, chromium: Browser) -> dict[Role, StorageState]:
    """The cookies of those who have logged in, by role."""
    found: dict[Role, StorageState] = {}
    for role in ROLES:
        with visiting(filled, chromium) as one:
            one.open("/login")
            one.log_in(role)
            found[role] = one.context.storage_state()
    return found


@pytest.fixture
def visit(
    filled: WebSite, chromium: Browser, sessions: dict[Role, StorageState]
) -> Iterator[Visiting]:
    """Makes visits: `visit("operate", locale="de-DE")` has logged in, `visit()` has not."""
    with ExitStack() as opened:

        def begin(role: Role | None = None, **options: Any) -> Visit:
            if role:
                options["storage_state"] = sessions[role]
            return opened.enter_context(visiting(filled, chromium, **options))

        yield begin


@pytest.fixture(scope="module")
def locked(filled: WebSite) -> dict[str, list[str]]:
    """The locked addresses of the store by the kind of their lock."""
    told = filled.command("list", "--json").splitlines()
    found: dict[str, list[str]] = {"hard": [], "soft": []}
    for row in map(msgspec.json.decode, told):
        if row["origin"] == "automatic":
            found[row["kind"]].append(row["address"])
    return found
