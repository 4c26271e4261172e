"""The libraries of the Debian package bouncegate-web: those of the extra [web], and no others."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def needed(name: str, extra: str = "") -> set[str]:
    """What a distribution needs at run time, itself included."""
    found, waiting = set[str](), [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting.append((requirement.name, ""))
    return found


def test_package_of_the_page_has_the_libraries_that_it_needs_besides() -> None:
    listed = (ROOT / "debian/bouncegate-web.libraries").read_text().split()
    assert sorted(needed("bouncegate", "web") - needed("bouncegate")) == sorted(listed)
