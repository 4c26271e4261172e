"""An event by which an operator tries an endpoint, whatever else waits for it."""

from __future__ import annotations

import secrets

from bouncegate.config.websettings import EndpointSettings, EventsSettings
from bouncegate.web.events.deliveries import Parcel
from bouncegate.web.events.event import EndpointTest, Maker
from bouncegate.web.events.retries import Answer
from bouncegate.web.events.sender import Sender
from bouncegate.web.events.service import host_name


def send_test(endpoint: EndpointSettings, settings: EventsSettings, now: int) -> Answer:
    """Send it once, and return what came of it."""
    make = Maker(host_name())
    event = make(EndpointTest(endpoint.name), now, 0, endpoint.name, secrets.token_hex(8))
    sender = Sender(endpoint, forbids_private=settings.manage == "api")
    try:
        (result,) = sender.send([[Parcel(0, (event,))]])
    finally:
        sender.close()
    if result.attempt is None:
        return Answer(0, f"the shape {endpoint.shape!r} has no word for a test: nothing was sent")
    return result.answer or Answer(0, "")
