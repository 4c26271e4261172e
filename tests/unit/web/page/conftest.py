"""A site with months of bounces in its store, which the tests of a file share."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.websites import SAME_ORIGIN, Answer, WebSite

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.summary import summary_of
from lab.sampledata import fill

TOO_MANY = 429
BOSSES = [f"boss{number}" for number in range(20)]
ROLES = (
    f'[web.roles]\nadmin = {json.dumps(BOSSES)}\noperate = ["desk", "other"]\nview = ["reader"]\n'
)


class Page:
    """The page as one person sees it, by the proxy in front."""

    def __init__(self, site: WebSite, name: str) -> None:
        self.site = site
        self.name = name

    def get(self, target: str, **headers: str) -> Answer:
        """A page; one that asks too often waits, as it is told."""
        fields = {"Remote-User": self.name, **{k.replace("_", "-"): v for k, v in headers.items()}}
        while True:
            answer = self.site.ask("GET", target, fields, to=self.site.proxy)
            if answer.status != TOO_MANY:
                return answer
            time.sleep(float(answer.header("retry-after")))

    def post(self, target: str, form: Mapping[str, str], asked_at: str) -> Answer:
        """Send a form that stands on a page of ours."""
        match = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(asked_at).text)
        assert match is not None, "no form stands there"
        fields = {"Remote-User": self.name, **SAME_ORIGIN}
        return self.site.ask("POST", target, fields, {"csrf": match[1], **form}, to=self.site.proxy)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("pages")), ROLES)
    installation = Installation(site.config)
    store, now = installation.open_store(), int(time.time())
    fill(store, installation.policy, now, people=300)
    store.summary.put(summary_of(installation, store, now))
    store.close()
    with site.serving():
        yield site


@pytest.fixture
def boss(filled: WebSite, request: pytest.FixtureRequest) -> Page:
    """An admin; tests that ask much are several, since each may ask 20 times a second."""
    return Page(filled, BOSSES[sum(request.node.name.encode()) % len(BOSSES)])


@pytest.fixture
def desk(filled: WebSite) -> Page:
    return Page(filled, "desk")


@pytest.fixture
def reader(filled: WebSite) -> Page:
    return Page(filled, "reader")
