"""The plot is drawn from the benchmarks' own JSON: what it shows is what was measured."""

import json
from xml.etree import ElementTree as ET

from bench.lines import lines
from bench.output import benchmarks
from bench.plot import panel

from bouncegate.admin.report.svg import svg

FIGURES = {
    "benchmark": "planes <end to end>",
    "machine": "2 cores",
    "rows": [
        {"postfix": "bare", "of bare": "1.00 (1.00 to 1.00)"},
        {"postfix": "milter", "of bare": "0.80 (0.70 to 0.90)"},
    ],
}
SIZES = {
    "benchmark": "look-up",
    "machine": "2 cores",
    "rows": [{"million locks": 1, "warm, us": 1.5}, {"million locks": 50, "warm, us": 3.0}],
}
SVG = "{http://www.w3.org/2000/svg}"


def test_each_row_has_a_bar_as_long_as_its_figure_and_a_line_for_its_spread() -> None:
    text = json.dumps(FIGURES) + "\n" + json.dumps(SIZES, indent=1)
    panels = [one for found in benchmarks(text) if (one := panel(found)) is not None]
    image = ET.fromstring(svg(panels))
    widths = [float(bar.attrib["width"]) for bar in image.iter(f"{SVG}rect") if "x" in bar.attrib]
    assert widths[1] / widths[0] == 0.8
    assert widths[2] / widths[3] == 0.5
    (line,) = image.iter(f"{SVG}line")
    assert float(line.attrib["x2"]) > float(line.attrib["x1"])
    words = [str(one.text) for one in image.iter(f"{SVG}text")]
    assert "planes <end to end>: of bare" in words
    assert "50 million locks" in words


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert panel({"benchmark": "x", "rows": [{"a": "b", "c": "d"}]}) is None


def test_figures_over_time_are_lines_in_a_panel_for_each_unit() -> None:
    rows = [
        {"hours": 0.0, "milter, MB": 10.0, "map, MB": 20.0, "milter, files": 5},
        {"hours": 1.0, "milter, MB": 15.0, "map, MB": 20.0, "milter, files": 5},
    ]
    image = ET.fromstring(lines("a <run>", "hours", rows))
    milter, other, files = (
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in image.iter(f"{SVG}polyline")
    )
    (left, before), (right, after) = milter
    top = other[0][1]
    assert other[1] == (right, top)
    assert left < right
    base = 2 * before - top  # 10 of 20 is half as high
    assert (base - after) / (base - top) == 0.75
    assert files[0][1] == files[1][1] > base
    words = [str(one.text) for one in image.iter(f"{SVG}text")]
    assert {"a <run>", "milter, MB", "map, MB", "milter, files", "0 to 1 hours"} <= {*words}


def test_the_axis_of_large_figures_has_no_exponent() -> None:
    rows = [{"hours": 0.0, "DSN, p50 us": 78_810.0}, {"hours": 1.0, "DSN, p50 us": 1.0}]
    image = ET.fromstring(lines("a run", "hours", rows))
    words = [str(one.text) for one in image.iter(f"{SVG}text")]
    assert {"78,810", "39,405", "0"} <= {*words}
