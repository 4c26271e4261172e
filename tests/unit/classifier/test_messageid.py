"""Message-IDs: which of them nobody can guess."""

import uuid
from email.utils import make_msgid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.messageid import is_unguessable


@given(st.uuids(version=4))
def test_a_uuid_that_chance_has_drawn_cannot_be_guessed(drawn: uuid.UUID) -> None:
    assert is_unguessable(f"<{drawn}@example.org>")
    assert is_unguessable(f"<news.{str(drawn).upper()}@example.org>")


def test_long_random_names_cannot_be_guessed() -> None:
    chance = Random(1)
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for alphabet, length in ((digits[:16], 32), (digits[:36], 26), (digits, 22)):
        names = ["".join(chance.choices(alphabet, k=length)) for _ in range(500)]
        believed = sum(is_unguessable(f"<{name}@example.org>") for name in names)
        assert believed > 475, (alphabet, length)


@pytest.mark.parametrize(
    "message_id",
    [
        "",
        "<>",
        "<1@example.org>",
        "<20261130153327.4XyZ1@mail.example.org>",
        "<20261130153327.4fR9Yt1Xq7z5v@mail.example.org>",
        "<20261130T153327Z.newsletter@example.org>",
        "<newsletter-spring-2026-november-edition@example.org>",
        "<newsletterspring2026novemberedition@example.org>",
        "<1764519243.123456.1764519243123456789@example.org>",
        "<99999999999999999999999999999999@example.org>",
        "<1@7c9e6679-7425-40de-944b-e07fc1f90ae7.example.org>",
        "<6ba7b810-9dad-11d1-80b4-00c04fd430c8@example.org>",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    ],
)
def test_names_made_of_clocks_counters_words_and_queue_ids_can_be_guessed(message_id: str) -> None:
    assert not is_unguessable(message_id)


def test_what_the_standard_library_makes_is_not_trusted_to_be_random() -> None:
    """It holds 64 bits of chance, in digits that look like a clock."""
    assert not is_unguessable(make_msgid(domain="example.org"))
