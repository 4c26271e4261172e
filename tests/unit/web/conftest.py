"""One running site for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.websites import WebSite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("web")))
    with site.serving():
        yield site
