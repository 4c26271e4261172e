"""HTML from templates: autoescaped, strict about names, with the words of one language."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bouncegate.config.text import visible
from bouncegate.web.page.language import Language

_STYLES: Final = "styles"


@cache
def environment() -> Environment:
    """The templates, read and compiled once."""
    found = Environment(
        loader=PackageLoader("bouncegate.web.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["address"] = address
    found.filters["inpath"] = in_path
    found.filters["shown"] = visible
    return found


def render(name: str, words: Language, **values: object) -> str:
    """A page, or a part of one."""
    return (
        environment()
        .get_template(name)
        .render(words=words, _=words.text, ngettext=words.plural, asset=asset_path, **values)
    )


def address(value: str) -> Markup:
    """An address within a text: isolated from its direction, and breaking at the @."""
    local, at, domain = map(escape, visible(value).rpartition("@"))
    return Markup(
        f'<bdi class="address">{local}<wbr><span class="domain">{at}{domain}</span></bdi>'
    )  # a format of Markup takes four times as long, and a page has a hundred addresses


def in_path(value: str) -> str:
    """Percent-encoded for one segment of a path (RFC 3986, 3.3)."""
    return quote(value, safe="@")


@cache
def assets() -> Mapping[str, tuple[bytes, str]]:
    """Octets and media type by the name that pages link: each holds a hash of the content."""
    folder = resources.files("bouncegate.web.page") / "static"
    parts = sorted((folder / _STYLES).iterdir(), key=lambda one: one.name)
    plain = {
        "page.css": (b"".join(part.read_bytes() for part in parts), "text/css"),
        "page.js": ((folder / "page.js").read_bytes(), "text/javascript"),
        "icon.svg": ((folder / "icon.svg").read_bytes(), "image/svg+xml"),
    }
    return {_hashed(name, octets): (octets, kind) for name, (octets, kind) in plain.items()}


@cache
def asset_path(name: str) -> str:
    """Where a page finds an asset: `/static/page.0123456789.css`."""
    stem, _, ending = name.partition(".")
    return next(
        f"/static/{one}"
        for one in assets()
        if one.startswith(f"{stem}.") and one.endswith(f".{ending}")
    )


def _hashed(name: str, octets: bytes) -> str:
    stem, _, ending = name.partition(".")
    return f"{stem}.{hashlib.sha256(octets).hexdigest()[:10]}.{ending}"
