"""docs/events.md shows what the code makes: each payload, each key of an endpoint, the delays."""

import re

import msgspec
import pytest
from tests.docs.eventsamples import block, whole

from bouncegate.config.websettings import EndpointSettings
from bouncegate.web.events.event import ALWAYS, PAYLOADS, Data
from bouncegate.web.events.retries import DELAYS
from bouncegate.web.events.shapes import SHAPES
from lab.folder import ROOT

PAGE = (ROOT / "docs/events.md").read_text()


def test_every_type_has_its_heading_in_the_order_of_the_code() -> None:
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert headings == [one.type for one in PAYLOADS]
    assert set(headings[-2:]) == ALWAYS


@pytest.mark.parametrize("payload", PAYLOADS, ids=[one.type for one in PAYLOADS])
def test_the_payload_that_is_shown_is_that_of_the_code(payload: type[Data]) -> None:
    section = PAGE.partition(f"### {payload.type}\n")[2].partition("\n#")[0]
    assert block(payload) in section


def test_a_whole_event_is_shown_as_it_is_sent() -> None:
    assert whole() in PAGE


def test_every_key_of_an_endpoint_is_in_the_table_and_no_other() -> None:
    table = PAGE.partition("## Endpoint settings")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {field.name for field in msgspec.structs.fields(EndpointSettings)}


def test_every_shape_is_in_the_table() -> None:
    table = PAGE.partition("## Shapes")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(SHAPES)


def test_the_delays_are_those_of_the_code() -> None:
    hours = ", ".join(str(delay // 3600) for delay in DELAYS[3:-1])
    text = f"5 seconds, 5 minutes, 30 minutes, {hours} and {DELAYS[-1] // 3600} hours"
    assert text in PAGE
    assert DELAYS[:3] == (5, 300, 1800)
