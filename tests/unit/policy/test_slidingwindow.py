"""How many addresses bounced within a span: each once, and few of domains that anybody may own."""

import random
from collections import Counter

import pytest

from bouncegate.policy.providers import organisation_of
from bouncegate.policy.slidingwindow import BY_NAME, Cap, Counted, peak

FREE = Cap(10, balanced=False)
BALANCED = Cap(2, balanced=True)


def at(time: int, subject: str, domain: bytes = BY_NAME) -> Counted:
    return Counted(time, subject.encode(), domain)


def test_an_address_counts_once_in_a_span_and_again_in_the_next() -> None:
    bounces = [at(0, "a"), at(5, "a"), at(9, "b"), at(10, "c"), at(30, "a")]
    assert peak(bounces, 5, FREE, 0).most == 2
    assert peak(bounces, 10, FREE, 0).most == 3
    assert peak(bounces, 11, FREE, 0) == (3, 3, 10)
    assert peak(bounces, 11, FREE, 25).near == 1


def test_a_span_is_found_wherever_the_last_one_that_came_lies_in_it() -> None:
    bounces = [at(time, str(time)) for time in range(20)]
    for moment in (0, 7, 19):
        assert peak(bounces, 20, FREE, moment).near == 20
    assert peak(bounces, 20, FREE, 1000).near == 0


def test_domains_told_by_their_mx_count_for_a_few_each_and_together_for_no_more_than_the_rest() -> (
    None
):
    told = [at(n, f"{n}", bytes([n % 5 + 1])) for n in range(50)]
    named = [at(n, f"named{n}") for n in range(7)]
    assert peak(told, 100, Cap(2, balanced=False), 0).most == 10
    assert peak(told, 100, BALANCED, 0).most == 2
    assert peak([*told, *named], 100, BALANCED, 0).most == 14
    assert peak([*told, *named], 100, Cap(2, balanced=False), 0).most == 17


@pytest.mark.parametrize("seed", range(20))
def test_the_peak_is_that_of_counting_each_span_by_itself(seed: int) -> None:
    chance = random.Random(seed)
    bounces = [
        at(chance.randrange(60), str(chance.randrange(9)), chance.choice((b"", b"x", b"y")))
        for _ in range(40)
    ]
    cap = Cap(2, balanced=bool(seed % 2))

    def count(end: int) -> int:
        inside = {(b.domain, b.subject) for b in bounces if end - 10 < b.time <= end}
        by_domain = Counter(domain for domain, _ in inside)
        named = by_domain.pop(BY_NAME, 0)
        told = sum(min(number, cap.domain) for number in by_domain.values())
        return named + (min(told, max(named, cap.domain)) if cap.balanced else told)

    ends = sorted({b.time for b in bounces})
    assert peak(bounces, 10, cap, 30).most == max(map(count, ends))
    assert peak(bounces, 10, cap, 30).near == max(
        (count(end) for end in ends if 30 <= end < 40), default=0
    )


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.io", "b.io"),
        ("localhost", "localhost"),
    ],
)
def test_subdomains_are_of_the_organisation_that_has_the_domain(
    domain: str, organisation: str
) -> None:
    assert organisation_of(domain) == organisation
