"""What the tests use of axe-playwright-python, which has no types of its own."""

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

class AxeResults:
    response: dict[str, Any]

class Axe:
    def run(self, page: Page, *, options: Mapping[str, object] | None = ...) -> AxeResults: ...
