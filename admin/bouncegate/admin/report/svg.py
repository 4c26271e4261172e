"""Bar charts as SVG, one below the other; bars may be stacked."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

_WIDTH, _LABELS, _BARS, _ROW, _HEAD = 760, 250, 400, 24, 48
_LONGEST_LABEL, _LONGEST_TITLE = 36, 100
# Blue, orange and a light grey of different brightness: they differ for colour-blind readers too.
_STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.value{fill:#555}"
    ".bar{fill:#3b6ea5}.part1{fill:#e8a33d}.part2{fill:#b9b9b9}.spread{stroke:#111;stroke-width:1.5}"
)


class Bar(NamedTuple):
    """One bar."""

    label: str
    parts: Sequence[float]
    """Stacked; the value is their sum."""
    low: float = 0
    high: float = 0
    """The range of the value, if it has one."""
    text: str = ""
    """The text behind the bar; empty: the value."""

    @property
    def value(self) -> float:
        """Of the whole bar."""
        return sum(self.parts)


class Chart(NamedTuple):
    """A title and bars of one scale."""

    title: str
    bars: Sequence[Bar]
    key: Sequence[str] = ()
    """The legend of the parts."""

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + _ROW * len(self.bars)


def svg(charts: Sequence[Chart]) -> str:
    """The SVG."""
    height = sum(one.height for one in charts)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}">'
        ),
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    top = 0
    for one in charts:
        parts += _chart(one, top)
        top += one.height
    return "\n".join((*parts, "</svg>", ""))


def _chart(one: Chart, top: int) -> Iterator[str]:
    longest = _LONGEST_LABEL if one.key else _LONGEST_TITLE  # the legend is beside it
    yield _text("title", 8, top + 24, _shortened(one.title, longest))
    for number, words in enumerate(one.key):
        left = _LABELS + 110 * number
        yield f'<rect class="{_kind(number)}" x="{left}" y="{top + 13}" width="12" height="12"/>'
        yield _text("value", left + 18, top + 24, words)
    scale = _BARS / (max((max(bar.value, bar.high) for bar in one.bars), default=0) or 1)
    for number, bar in enumerate(one.bars):
        yield from _bar(bar, top + 36 + _ROW * number, scale)


def _bar(bar: Bar, y: int, scale: float) -> Iterator[str]:
    yield _text("", 8, y + 13, _shortened(bar.label))
    left = float(_LABELS)
    for number, part in enumerate(bar.parts):
        width = part * scale
        yield (
            f'<rect class="{_kind(number)}" x="{left:.10g}" y="{y}" width="{width:.1f}" '
            f'height="{_ROW - 8}"/>'
        )
        left += width
    if bar.low < bar.high:
        low, high = _LABELS + bar.low * scale, _LABELS + bar.high * scale
        middle = y + (_ROW - 8) / 2
        yield f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
    end = _LABELS + max(bar.value, bar.high) * scale
    yield _text("value", end + 6, y + 13, bar.text or f"{bar.value:,.10g}")


def _kind(number: int) -> str:
    return f"part{number}" if number else "bar"


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(_drawable(words))}</text>'


def _shortened(label: str, longest: int = _LONGEST_LABEL) -> str:
    return label if len(label) <= longest else f"{label[: longest - 1]}…"


def _drawable(words: Iterable[str]) -> str:
    # Control characters are invalid XML (XML 1.0, 2.2), and names come from the wire.
    return "".join(c if c.isprintable() else "�" for c in words)
