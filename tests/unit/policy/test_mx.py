"""What is believed of a domain: no outage and no lie of a name server may make it look dead."""

import pytest

from bouncegate.config.durations import Duration
from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import UNASKED, Denial, MxAnswer, MxHost, MxHosts, learn, next_question

NOW = 1_770_000_000
HOUR, DAY = 3600, 86_400
SETTINGS = DnsSettings()
HOSTS = (MxHost(10, "mx.example.test"),)
OK = MxAnswer("ok", HOSTS, ttl=2 * HOUR)
FAILED = MxAnswer("unknown", why="timeout")
DENIALS: tuple[Denial, ...] = ("nxdomain", "null-mx", "no-mx")


def after(*answers: tuple[int, MxAnswer]) -> MxHosts:
    """What is known after answers that came so many seconds from now."""
    known = UNASKED
    for ago, answer in answers:
        known = learn(known, answer, NOW + ago, SETTINGS)
    return known


def denied(status: Denial = "nxdomain") -> MxAnswer:
    return MxAnswer(status, ttl=60)


@pytest.mark.parametrize(
    ("ttl", "good_for"), [(0, HOUR), (2 * HOUR, 2 * HOUR), (30 * DAY, DAY), (2**31, DAY)]
)
def test_an_answer_is_good_as_long_as_its_servers_say_within_bounds(
    ttl: int, good_for: int
) -> None:
    known = after((0, MxAnswer("ok", HOSTS, ttl)))
    assert (known.status, known.hosts, known.fetched) == ("ok", HOSTS, NOW)
    assert known.good_until == known.asks_again_at() == NOW + good_for


def test_a_failed_look_up_never_replaces_an_answer() -> None:
    known = after((0, OK), (DAY, FAILED), (2 * DAY, FAILED))
    assert (known.status, known.hosts) == ("ok", HOSTS), "a stale answer rather than none"
    assert (known.failures, known.failed, known.why) == (2, NOW + 2 * DAY, "timeout")
    assert after((0, OK), (DAY, FAILED), (2 * DAY, OK)) == after((2 * DAY, OK))


def test_failures_alone_never_make_a_domain_dead_however_many() -> None:
    known = after(*((n * DAY, FAILED) for n in range(100)))
    assert known.status == "unknown"
    assert not known.is_dead(SETTINGS.confirm.after(0))


def test_asking_again_is_put_off_longer_after_each_failure() -> None:
    pauses = []
    known = UNASKED
    for _ in range(12):
        known = learn(known, FAILED, NOW, SETTINGS)
        pauses.append(known.asks_again_at() - NOW)
    assert pauses[:4] == [300, 600, 1200, 2400]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 6 * HOUR


@pytest.mark.parametrize("status", DENIALS)
def test_one_denial_makes_no_domain_dead_and_a_second_one_a_day_later_does(status: Denial) -> None:
    once = after((0, denied(status)))
    assert once.status == status
    assert not once.is_dead(DAY)
    assert not after((0, denied(status)), (DAY - 1, denied(status))).is_dead(DAY)
    assert after((0, denied(status)), (DAY, denied(status))).is_dead(DAY)


def test_it_does_not_matter_in_which_words_a_domain_is_denied() -> None:
    assert after((0, denied("nxdomain")), (DAY, denied("no-mx"))).is_dead(DAY)


def test_a_domain_that_took_mail_before_is_believed_to_take_it_after_one_denial() -> None:
    doubted = after((0, OK), (DAY, denied()))
    assert (doubted.status, doubted.hosts, doubted.denial) == ("ok", HOSTS, "nxdomain")
    settled = after((0, OK), (DAY, denied()), (2 * DAY, denied()))
    assert (settled.status, settled.hosts) == ("nxdomain", ())
    assert settled.is_dead(DAY)


def test_a_good_answer_between_two_denials_starts_the_doubt_anew() -> None:
    assert not after((0, denied()), (HOUR, OK), (DAY, denied())).is_dead(DAY)
    assert after((0, denied()), (DAY, denied()), (2 * DAY, OK)).status == "ok"


def test_a_failure_between_two_denials_neither_confirms_nor_refutes() -> None:
    assert after((0, denied()), (HOUR, FAILED), (DAY, denied())).is_dead(DAY)
    assert not after((0, denied()), (DAY, FAILED)).is_dead(DAY)


def test_two_denials_half_a_year_apart_are_two_first_ones() -> None:
    assert not after((0, denied()), (180 * DAY, denied())).is_dead(DAY)


def test_a_denial_is_good_for_a_short_time_only() -> None:
    assert after((0, MxAnswer("nxdomain", ttl=7 * DAY))).good_until == NOW + 3 * HOUR


def test_bounds_that_contradict_each_other_do_no_harm() -> None:
    odd = DnsSettings(ttl_least=Duration(seconds=7 * DAY))
    assert learn(UNASKED, OK, NOW, odd).good_until == NOW + DAY


def test_what_is_in_doubt_is_asked_again_though_nobody_wants_to_know() -> None:
    assert next_question(after((0, OK)), SETTINGS) is None
    assert next_question(after((0, denied())), SETTINGS) == NOW + DAY
    assert next_question(after((0, denied()), (DAY, denied())), SETTINGS) is None
    assert next_question(after((0, FAILED)), SETTINGS) == NOW + 300
    assert next_question(after(*((0, FAILED) for _ in range(6))), SETTINGS) is None
