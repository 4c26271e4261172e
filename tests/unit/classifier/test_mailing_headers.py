"""A bounce names its mailing by the field of the returned message, whoever sent that."""

import pytest
from tests.unit.classifier.test_hostile_text import ATTRIBUTION, CLASSIFIER, NOW, message

from bouncegate.classifier.classified import classify_or_raise
from bouncegate.config.mailingheaders import RETURNED


@pytest.mark.parametrize("name", RETURNED)
def test_mailing_is_read_from_the_fields_of_large_senders(name: str) -> None:
    raw = message({"campaign": b"spring"}).replace(b"X-Campaign-ID", name.title().encode())
    (event,) = ATTRIBUTION.events_of(classify_or_raise(raw, CLASSIFIER), NOW)
    assert event.mailing == "spring"
