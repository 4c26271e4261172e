"""A log line is parsed as Postfix wrote it, whatever text strangers put into it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.maillog.line import DeliveryLine, ExpiryLine, Parser, RemovalLine
from bouncegate.classifier.maillog.timestamp import seconds_of
from bouncegate.config.text import clean

NOW = int(datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp())
AT = int(datetime(2026, 11, 25, 4, 4, 51, tzinfo=UTC).timestamp())
PARSER = Parser("postfix", UTC)
WHEN = "Nov 25 04:04:51 mail "
SMTP = WHEN + "postfix/smtp[24052]: "
MX = "relay=mx.r.example[192.0.2.1]:25, delay=0.08, delays=0.03/0.01/0.01/0.03, "
SENT = "dsn=2.0.0, status=sent (250 2.0.0 Ok)"
REPLY = "host mx.r.example[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)"
BOUNCED = f"dsn=5.1.1, status=bounced ({REPLY})"


def parse(line: str) -> Any:
    return PARSER.parse(line.encode("utf-8", "surrogateescape"), NOW)


def delivery(**changes: Any) -> DeliveryLine:
    fields = {
        "time": AT,
        "queue_id": "4jZ5fq4JByzLhNx",
        "program": "smtp",
        "recipient": "a@r.example",
        "original": "",
        "relay": "mx.r.example[192.0.2.1]:25",
        "status": "2.0.0",
        "outcome": "sent",
        "text": "250 2.0.0 Ok",
        "delay": 0.08,
        "queued": 0.03,
        "has_zone": False,
    }
    return DeliveryLine(**{**fields, **changes})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{SMTP}4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}\n", delivery()),
        (f"{SMTP}8DB45218EE9: to=<a@r.example>, {MX}{SENT}", delivery(queue_id="8DB45218EE9")),
        (
            (
                f"{SMTP}8DB45218EE9: to=<a@r.example>, relay=mx.r.example[2001:db8::1]:25, "
                f"conn_use=2, delay=1, delays=0/0/0/1, {SENT}"
            ),
            delivery(
                queue_id="8DB45218EE9", relay="mx.r.example[2001:db8::1]:25", delay=1, queued=0
            ),
        ),
        (
            f"{SMTP}4jZ5fq4JByzLhNx: to=<b@r.example>, orig_to=<a@r.example>, {MX}{SENT}",
            delivery(recipient="b@r.example", original="a@r.example"),
        ),
        (
            f"{SMTP}4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{BOUNCED}",
            delivery(status="5.1.1", outcome="bounced", text=REPLY),
        ),
        (
            (
                f"{SMTP}4jZ5fq4JByzLhNx: to=<a@r.example>, relay=none, delay=30, delays=0/0/30/0, "
                "dsn=4.4.1, status=deferred (connect to mx.r.example[192.0.2.1]:25: timed out)"
            ),
            delivery(
                relay="none",
                status="4.4.1",
                outcome="deferred",
                delay=30,
                queued=0,
                text="connect to mx.r.example[192.0.2.1]:25: timed out",
            ),
        ),
        (
            (
                f"{WHEN}postfix/local[24053]: 4jZ5fq4JByzLhNx: to=<a@r.example>, relay=local, "
                'delay=0.07, delays=0/0/0/0, dsn=5.1.1, status=bounced (unknown user: "a")'
            ),
            delivery(
                program="local",
                delay=0.07,
                queued=0,
                relay="local",
                status="5.1.1",
                outcome="bounced",
                text='unknown user: "a"',
            ),
        ),
        (
            f"{WHEN}postfix-out/relay/smtp[1]: 4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}",
            delivery(),
        ),
        (
            (
                "2026-11-25T05:04:51.123456+01:00 mail postfix/smtp[1]: "
                f"4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}"
            ),
            delivery(has_zone=True),
        ),
        (
            f'{SMTP}4jZ5fq4JByzLhNx: to=<"a> x, b\\"c"@r.example>, {MX}{SENT}',
            delivery(recipient='"a> x, b\\"c"@r.example'),
        ),
        (
            f"{SMTP}4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}tls=none:sts/unknown, {SENT}",
            delivery(),
        ),
        (
            (
                f"{WHEN}postfix/qmgr[23959]: 4jZ5fq4JByzLhNx: from=<n@s.test>, status=expired, "
                "returned to sender"
            ),
            ExpiryLine(AT, "4jZ5fq4JByzLhNx", has_zone=False),
        ),
        (
            (
                f"{WHEN}postfix/qmgr[23959]: 4jZ5fq4JByzLhNx: from=<>, status=force-expired, "
                "returned to sender"
            ),
            ExpiryLine(AT, "4jZ5fq4JByzLhNx", has_zone=False),
        ),
        (
            f"{WHEN}postfix/postsuper[9]: 4jZ5fq4JByzLhNx: removed",
            RemovalLine(AT, "4jZ5fq4JByzLhNx", has_zone=False),
        ),
    ],
)
def test_a_line_is_read_as_postfix_meant_it(line: str, expected: object) -> None:
    assert parse(line) == expected


SAID = f"4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}"


@pytest.mark.parametrize(
    ("head", "has_zone"),
    [
        ("Nov 25 04:04:51 mail postfix/smtp[1]: ", False),
        ("Nov 25 04:04:51.123456 mail postfix/smtp[1]: ", False),
        ("<22>Nov 25 04:04:51 mail postfix/smtp[1]: ", False),
        ("Nov 25 04:04:51 postfix/smtp[1]: ", False),
        ("2026 Nov 25 04:04:51 mail postfix/smtp[1]: ", False),
        ("Nov 25 2026 04:04:51 mail postfix/smtp[1]: ", False),
        ("Nov 25 04:04:51 mail mail.info postfix/smtp[1]: ", False),
        ("2026-11-25T04:04:51 mail postfix/smtp[1]: ", False),
        ("2026-11-25 04:04:51,123 mail postfix/smtp[1]: ", False),
        ("2026-11-25T04:04:51Z mail postfix/smtp[1]: ", True),
        ("2026-11-25T05:04:51.123456+0100 mail postfix/smtp[1]: ", True),
        ("2026-11-25T05:04:51+01 mail postfix/smtp[1]: ", True),
        ("2026-11-25T09:49:51+05:45 mail postfix/smtp[1]: ", True),
        ("2026-11-24 18:04:51 -10:00 mail postfix/smtp[1]: ", True),
        ("2026-11-25T05:04:51+01:00 2001:db8::25 postfix/smtp[1]: ", True),
        ("<22>1 2026-11-25T05:04:51.123456+01:00 mail postfix/smtp 24052 - - ", True),
        ("<22>1 2026-11-25T04:04:51Z - postfix/smtp - - - \ufeff", True),
        ("2026-11-25T04:04:51Z mail postfix/smtp 24052 - -  ", True),
        ('<22>1 2026-11-25T04:04:51Z m postfix/smtp 1 ID [a@1 b="\\"]] x"][c] ', True),
        ("Nov 25 04:04:51 mail postfix-out/smtp[1]: ", False),
        ("Nov 25 04:04:51 mail postfix/relay/smtp[1]: ", False),
        ("Nov 25 04:04:51 mail postfix-out/slow/smtp[1]: ", False),
        ("Nov 25 04:04:51 mail postfix/out/slow/smtp[1]: ", False),
    ],
)
def test_a_line_is_read_in_each_form_of_syslog_daemons(head: str, has_zone: bool) -> None:
    assert parse(head + SAID) == delivery(has_zone=has_zone)


@pytest.mark.parametrize("name", ["postfix/out", "mail", "postfix-2"])
def test_a_syslog_name_may_hold_slashes(name: str) -> None:
    line = f"{WHEN}{name}/smtp[1]: {SAID}".encode()
    assert Parser(name, UTC).parse(line, NOW) == delivery()
    assert Parser("other", UTC).parse(line, NOW) is None


def test_a_soft_bounce_stays_in_the_queue() -> None:
    """soft_bounce = yes of postconf(5)."""
    line = parse(f"{SMTP}AAAAAA: to=<a@r.example>, {MX}dsn=5.1.1, status=SOFTBOUNCE ({REPLY})")
    assert (line.outcome, line.status, line.text) == ("deferred", "5.1.1", REPLY)


def test_the_delay_of_old_postfix_is_read() -> None:
    line = parse(
        f"{SMTP}AAAAAA: to=<a@r.example>, relay=none, delay=1.2e+02, delays=1e+02/0/0/20, {SENT}"
    )
    assert (line.delay, line.queued) == (120, 100)


@pytest.mark.parametrize(
    "line",
    [
        f"{WHEN}postfix/qmgr[1]: 4jZ5fq4JByzLhNx: from=<n@s.test>, size=504, nrcpt=6 (active)",
        f"{WHEN}postfix/qmgr[1]: 4jZ5fq4JByzLhNx: removed",
        f"{WHEN}postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 status=bounced (x)",
        f"{SMTP}4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}dsn=2.0.0, status=deliverable (250 Ok)",
        f"{WHEN}postfixer/smtp[1]: 4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}",
        f"Nov 31 04:04:51 mail postfix/smtp[1]: 4jZ5fq4JByzLhNx: to=<a@r.example>, {MX}{SENT}",
    ],
)
def test_other_lines_are_ignored(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        # A program that logs any text under its own tag.
        f"{WHEN}shop[7]: order of postfix/smtp[1]: AAAAAA: to=<v@r.example>, {MX}{BOUNCED}",
        f"{WHEN}postfix/smtpd[7]: {WHEN}postfix/smtp[1]: AAAAAA: to=<v@r.example>, {MX}{BOUNCED}",
        # The same without a host name, in either format.
        f"Nov 25 04:04:51 shop[7]: postfix/smtp[1]: AAAAAA: to=<v@r.example>, {MX}{BOUNCED}",
        f"Nov 25 04:04:51 shop: postfix/smtp[1]: AAAAAA: to=<v@r.example>, {MX}{BOUNCED}",
        f"2026-11-25T04:04:51Z shop: postfix/smtp 1 - - AAAAAA: to=<v@r.example>, {MX}{BOUNCED}",
        f'<22>1 2026-11-25T04:04:51Z m shop 1 - [a b="x"] postfix/smtp[1]: AAAAAA: {BOUNCED}',
        # A sender's address and a client's name, in a line of another kind.
        f"{WHEN}postfix/qmgr[1]: AAAAAA: from=<x>, status=expired, returned to sender@s>, size=1",
        f"{WHEN}postfix/cleanup[1]: AAAAAA: message-id=<to=<v@r.example>, {MX}{BOUNCED}>",
        # An address that imitates the fields after it, with Postfix configured not to quote.
        f"{SMTP}AAAAAA: to=<v@r.example>, {MX}{BOUNCED[:-1]}@evil.example>, {MX}{SENT}",
    ],
)
def test_a_stranger_cannot_make_up_a_line(line: str) -> None:
    assert parse(line) is None


def test_a_servers_words_cannot_change_the_outcome() -> None:
    words = f"550 no, dsn=2.0.0, status=sent (250 Ok) to=<v@r.example>, {SENT}"
    line = parse(
        f"{SMTP}AAAAAA: to=<a@r.example>, {MX}dsn=5.0.0, status=bounced (host said: {words})"
    )
    assert (line.recipient, line.outcome, line.status) == ("a@r.example", "bounced", "5.0.0")


def test_an_address_in_quotes_cannot_name_another_recipient() -> None:
    evil = f'"v@r.example>, {MX}dsn=5.1.1, status=bounced (x) "@evil.example'
    line = parse(f"{SMTP}AAAAAA: to=<{evil}>, {MX}{SENT}")
    assert line is None or (line.recipient, line.outcome) == (evil, "sent")


TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=300)


@given(st.binary(max_size=400))
def test_no_octets_raise(octets: bytes) -> None:
    for line in (octets, SMTP.encode() + b"AAAAAA: " + octets + b"status=sent (x)"):
        assert PARSER.parse(line, NOW) is None or line


@given(TEXT)
def test_whatever_a_server_says_is_text(words: str) -> None:
    line = parse(f"{SMTP}AAAAAA: to=<a@r.example>, {MX}dsn=4.0.0, status=deferred ({words})")
    if ">, relay=" not in words and ">, orig_to=<" not in words:
        assert line == delivery(
            queue_id="AAAAAA", status="4.0.0", outcome="deferred", text=clean(words, 2048)
        )


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_whatever_a_local_part_is_in_quotes_it_names_nobody_else(local: str) -> None:
    quoted = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"@r.example'
    line = parse(f"{SMTP}AAAAAA: to=<{quoted}>, {MX}{SENT}")
    assert line is not None
    assert (line.recipient, line.outcome) == (quoted, "sent")


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("Nov 25 04:04:51", "2026-11-25T05:00:00", "2026-11-25T04:04:51"),
        ("Dec 31 23:59:59", "2027-01-01T00:00:05", "2026-12-31T23:59:59"),
        ("Jan  1 00:00:01", "2026-12-31T23:59:00", "2027-01-01T00:00:01"),
        ("Feb 29 10:00:00", "2026-03-01T00:00:00", "2024-02-29T10:00:00"),
        ("Jun 30 23:59:60", "2026-07-01T00:00:00", "2026-06-30T23:59:59"),
    ],
)
def test_the_year_missing_in_a_line_is_the_last_one_that_fits(
    text: str, now: str, expected: str
) -> None:
    assert seconds_of(text, seconds(now), UTC) == seconds(expected)


def seconds(iso: str) -> int:
    return int(datetime.fromisoformat(f"{iso}+00:00").timestamp())


def test_a_traditional_timestamp_is_in_local_time() -> None:
    zone = timezone(timedelta(hours=5))
    assert seconds_of("Nov 25 09:04:51", NOW, zone) == AT


@pytest.mark.parametrize("text", ["Xyz 25 04:04:51", "Nov 25 24:04:51", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert seconds_of(text, NOW, UTC) is None
