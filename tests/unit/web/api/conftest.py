"""One running site with a few bounces for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.web.api.interface import Interface, fill
from tests.websites import WebSite


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    site = WebSite(Path(tmp_path_factory.mktemp("api")), "[api]\nrate = 10000\n")
    fill(site)
    with site.serving():
        yield Interface(site)
