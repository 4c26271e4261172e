"""What strangers can make larger: each table has its bound in the documentation."""

from pathlib import Path

import pytest

from bouncegate.store.layout import DATABASES

PAGE = (Path(__file__).parents[3] / "docs/store.md").read_text()
TABLE = PAGE.partition("## Bounds on data from outside")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", sorted(name.decode() for name in DATABASES))
def test_bounds_of_each_table_are_documented(name: str) -> None:
    assert f"`{name}`" in TABLE
