"""Reports of many recipients: how many events, log lines and transactions one message makes."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from bouncegate.classifier.classified import classify_or_raise
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.proof import Prover
from bouncegate.classifier.returnpath.recorder import Recorder
from bouncegate.config.settings import ReturnPathSettings, Settings, Trust
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.effects import Recorded
from bouncegate.store.intake import MOST_AT_ONCE, Bounce

from .provensite import DOMAIN, LATER, SENT, Site, dsn, shipped_classifier


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as site:
        yield site


def many(addresses: Sequence[str], action: str = "failed") -> bytes:
    """A DSN that names them all."""
    blocks = "\n\n".join(
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: 5.1.1"
        for address in addresses
    )
    one = "Final-Recipient: rfc822; x@y.test\nAction: failed\nStatus: 5.1.1"
    return dsn("x@y.test").replace(one.encode(), blocks.encode())


def events(
    site: Site, raw: bytes, to: str = f"postmaster@{DOMAIN}", trust: tuple[Trust, ...] = ()
) -> Sequence[Event]:
    settings = site.settings
    if trust:
        path = ReturnPathSettings(domain=settings.return_path.domain, count=trust)
        settings = Settings(store=settings.store, return_path=path)
    prover = Prover(settings.return_path, site.keys, site.ledger)
    read = partial(classify_or_raise, classifier=shipped_classifier())
    builder = BounceBuilder(read, site.policy, settings, prover)
    message = builder.classify(raw)
    assert message is not None
    return builder.bounce_of(message, [to], LATER).events


def names(count: int) -> list[str]:
    return [f"u{n}@d{n % 7}.test" for n in range(count)]


def test_unproven_report_of_many_recipients_is_one_event_that_names_the_first(site: Site) -> None:
    (event,) = events(site, many(names(3000)))
    assert (event.address, event.named, event.trust) == ("", 3000, "unverified")
    assert event.final_recipient == "u0@d0.test, u1@d1.test, u2@d2.test, u3@d3.test, u4@d4.test"
    assert event.reason == "user-unknown"


def test_unproven_report_of_one_recipient_stands_under_its_address(site: Site) -> None:
    for addresses in (["ann@x.test"], ["ann@x.test", "Ann@X.test"]):
        (event,) = events(site, many(addresses))
        assert (event.address, event.named) == ("ann@x.test", 0)


def test_unproven_report_of_two_recipients_stands_under_neither(site: Site) -> None:
    (event,) = events(site, many(["ann@x.test", "bob@x.test"]))
    assert (event.address, event.named) == ("", 2)


def test_unproven_report_is_told_by_its_first_failure(site: Site) -> None:
    raw = many(["ann@x.test", "bob@x.test"]).replace(b"Action: failed", b"Action: delivered", 1)
    (event,) = events(site, raw)
    assert event.action == "failed"


def test_unproven_report_of_many_recipients_is_recorded_once(site: Site) -> None:
    raw = many(names(500))
    outcomes = [site.store.record([Bounce(events(site, raw), raw)], site.policy) for _ in range(2)]
    assert [outcome.is_new for ((outcome,),) in outcomes] == [True, False]


def test_unproven_reports_that_count_are_bounded_by_what_postfix_takes(site: Site) -> None:
    found = events(site, many(names(1500)), trust=("unverified",))
    assert len(found) == 1001
    assert (found[-1].address, found[-1].named) == ("", 500)
    assert len({event.identity for event in found}) == 1001


def test_token_names_no_more_recipients_than_its_message_had(site: Site) -> None:
    mailed = list(SENT.recipients)
    found = events(site, many([*names(400), *mailed, *mailed]), site.token(SENT))
    assert [event.address for event in found] == [*mailed, ""]
    assert found[-1].named == 400
    assert {event.trust for event in found} == {"signed"}


def test_token_whose_message_is_lost_makes_one_event_of_a_report(site: Site) -> None:
    lost = site.token(SENT, time=SENT.time - 1)
    (event,) = events(site, many(names(300)), lost)
    assert (event.trust, event.address, event.named) == ("signed", "", 300)


@pytest.mark.parametrize("trust", [("signed",), ("unverified",)])
def test_log_lines_of_one_message_are_bounded(
    site: Site, caplog: pytest.LogCaptureFixture, trust: tuple[Trust, ...]
) -> None:
    raw = many(names(3000))
    policy = Policy(site.settings.policy, trust)
    bounce = Bounce(events(site, raw, trust=trust), raw)
    outcomes = [o for p in bounce.portions() for o in site.store.record([p], policy)[0]]
    with caplog.at_level(logging.INFO):
        site.builder.log(outcomes)
    assert 0 < len(caplog.records) <= 101
    assert ("names 3000 recipients" in caplog.text) is (trust == ("signed",))


def test_recorder_batches_are_bounded_by_events(site: Site) -> None:
    """And each answer comes when all of its bounce is durable."""
    sizes: list[int] = []
    begin = threading.Event()

    def record(bounces: Sequence[Bounce]) -> list[list[Recorded]]:
        begin.wait()
        sizes.append(sum(len(bounce.events) for bounce in bounces))
        return site.store.record(bounces, site.policy)

    large = Bounce(events(site, many(names(900)), trust=("unverified",)), b"")
    small = [Bounce(events(site, many([f"one{n}@x.test"])), b"") for n in range(300)]

    async def run() -> list[list[Recorded]]:
        recorder = Recorder(record, asyncio.get_running_loop())
        waiting = [asyncio.ensure_future(recorder.record(bounce)) for bounce in (large, *small)]
        await asyncio.sleep(0)
        begin.set()
        found = await asyncio.gather(*waiting)
        recorder.close()
        return found

    found = asyncio.run(run())
    assert [len(outcomes) for outcomes in found] == [900, *[1] * 300]
    assert max(sizes) < 2 * MOST_AT_ONCE
    assert len(site.store.history.find(lambda _: True)) == 1200
