"""Copies of bounces without personal data: no person is left in them, and the verdict stays.

The search looks where a reader would: in the octets, and in the texts and fields as they decode.
"""

import base64
import quopri
import re
from collections.abc import Iterator
from email.header import Header
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.anonymize import anonymized
from bouncegate.classifier.classified import classify
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.message import Message
from bouncegate.classifier.patternwords import WORDS_OF_READERS, words_of, words_of_rules
from bouncegate.classifier.pseudonyms import Pseudonyms, base_of, is_role
from bouncegate.classifier.readers.registry import READERS, Reader
from bouncegate.config.rules import load_rules

SAMPLES = Path(__file__).parents[2] / "samples"
MESSAGES = sorted(SAMPLES.rglob("*.eml"))
NOTICES = [path.read_bytes() for path in MESSAGES]
WORDS = words_of_rules(load_rules())
# Hosts that readers know a service by, with mailboxes of a role.
KEPT = {"no-reply@sns.amazonaws.com"}
# Cases are such copies already: what stands in them may stand in a copy of them, for somebody else.
PSEUDONYM = re.compile(r"@(?:[\w-]+\.)*domain\d+\.example", re.IGNORECASE)

NOTICE = """\
Dear Zoë Quimby, your message to zoe.quimby@prívate.example and <bart.o'neil@home.test.example>
could not be delivered: 550 5.1.1 <zoe.quimby@prívate.example>: user unknown at
mx1.prívate.example [203.0.113.77], IPv6:2001:db8:7777::25. zoe.quimby has left. See
http://lists.test.example/?to=zoe.quimby%40home.test.example and mail to jobs+40news.example.
Subject: Our secret project
"""
HTML = """\
<html><body onload="track('zoe.quimby@home.test.example')"><!-- zoe.quimby@home.test.example -->
<p>Message to zoe.quimby&#64;home.<wbr>test.example failed: user unknown.</p>
<a href="mailto:zoe.quimby@home.test.example">Zo&euml; Quimby</a></body></html>
"""
STATUS = """\
Reporting-MTA: dns; out7.test.example
Original-Envelope-Id: 77+40test.example

Original-Recipient: rfc822;zoe.quimby@home.test.example
Final-Recipient: rfc822;zoe.quimby@home.test.example
X-Display-Name: Zoe Quimby-Senior
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown
"""
RETURNED = f"""\
Received: from laptop (laptop.home.test.example [198.51.100.9]) by out7.test.example
From: {Header("Zoë Quimby", "utf-8").encode()} <news@test.example>
To: "Quimby, Zoe" <zoe.quimby@home.test.example>
Subject: {Header("Our secret project, zum Frühstück", "utf-8").encode()}
Message-ID: <20261130.7777@laptop.home.test.example>
X-Customer: zoe.quimby@home.test.example

The body is nobody's business: 0123 456789.
"""


def part(kind: str, text: str, encoding: str) -> str:
    octets = text.encode()
    encoded = {
        "base64": base64.encodebytes(octets).decode(),
        "quoted-printable": quopri.encodestring(octets).decode(),
        "8bit": text,
    }[encoding]
    head = f"Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: {encoding}"
    return f"--b\n{head}\n\n{encoded}\n"


def bounce(encoding: str) -> bytes:
    """A DSN with all its texts in one encoding."""
    parts = [
        part("text/plain", NOTICE, encoding),
        part("text/html", HTML, encoding),
        part("message/delivery-status", STATUS, encoding),
        part("message/rfc822", RETURNED, encoding),
        part("image/png", "zoe.quimby@home.test.example", encoding),
    ]
    return (
        "Return-Path: <>\n"
        "Received: from mx1.test.example by out7.test.example for <a@test.example>\n"
        "From: Mail Delivery System <MAILER-DAEMON@test.example>\nTo: news@test.example\n"
        f"Subject: Undeliverable: {Header('Our secret project, zum Frühstück', 'utf-8').encode()}\n"
        "Message-ID: <4711@out7.test.example>\nX-Envelope-To: zoe.quimby@home.test.example\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        + "".join(parts)
        + "--b--\n"
    ).encode()


def texts_of(raw: bytes) -> Iterator[str]:
    """Everything that can be read in a message, in whatever way."""
    message = Message(raw)
    yield raw.decode("utf-8", "replace")
    for one in message.parts:
        yield one.text
        yield one.octets.decode("utf-8", "replace")
        yield from (Message(one.octets).fields.words(n) for n in Message(one.octets).fields.names)
    yield from (message.fields.words(name) for name in message.fields.names)


def persons_in(addresses: set[str]) -> set[str]:
    """The local parts that name a person, not a role, and are no words of rules."""
    names = {one.rpartition("@")[0] for one in addresses}
    return {one for one in names if len(one) > 3 and not is_role(one)} - WORDS - WORDS_OF_READERS


def verdicts(raw: bytes, classifier: Classifier) -> tuple[object, ...]:
    message = classify(raw, classifier)
    return message.type, [(r.kind, r.category, r.reason, r.action) for r in message.reports]


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_copy_has_no_address_of_the_original_and_the_same_verdict(
    path: Path, classifier: Classifier
) -> None:
    raw = path.read_bytes()
    copy = anonymized(raw, (), WORDS)
    found = {one.lower() for text in texts_of(raw) for one in find_addresses(text)} - KEPT
    addresses = {one for one in found if not PSEUDONYM.search(one)}
    said = "\n".join(texts_of(copy)).lower()
    assert [one for one in addresses if one in said] == []
    assert persons_in(addresses) & set(re.findall(r"[\w.+=-]+", said)) == set()
    domains = {base_of(one.rpartition("@")[2]) for one in addresses}
    assert [
        one for one in domains if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", said)
    ] == []
    assert verdicts(copy, classifier) == verdicts(raw, classifier)


@given(st.binary(max_size=400), st.integers(0, len(MESSAGES) - 1), st.integers(0, 3000))
@settings(max_examples=50, deadline=None)
def test_copy_is_made_of_whatever_octets_there_are(octets: bytes, number: int, place: int) -> None:
    raw = MESSAGES[number].read_bytes()
    anonymized(raw[:place] + octets + raw[place:], (), WORDS)


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_copy_has_nothing_personal_whatever_the_encoding(
    encoding: str, classifier: Classifier
) -> None:
    raw = bounce(encoding)
    copy = anonymized(raw, (), WORDS)
    said = "\n".join(texts_of(copy)).lower()
    secrets = (
        "zoe", "zoë", "quimby", "o'neil", "home.test", "test.example", "prívate", "203.0.113.77",
        "198.51.100.9", "7777", "laptop", "secret project", "frühstück", "business", "4711",
        "customer:  ", "456789", "onload", "jobs",
    )  # fmt: skip
    assert [one for one in secrets if one in said] == []
    assert "user unknown" in said
    assert verdicts(copy, classifier) == verdicts(raw, classifier)


def test_copy_uses_one_pseudonym_for_one_address() -> None:
    copy = anonymized(bounce("base64"), (), WORDS).decode()
    final = re.search(r"^Final-Recipient: rfc822;(\S+)$", copy, re.MULTILINE)
    assert final
    assert re.fullmatch(r"user\d+@sub\.domain\d+\.example", final[1])
    assert f"Original-Recipient: rfc822;{final[1]}" in copy
    assert f"<{final[1]}>" in copy.split("message/rfc822")[1]


def test_copy_of_a_copy_is_the_same_message(classifier: Classifier) -> None:
    copy = anonymized(bounce("8bit"), (), WORDS)
    assert verdicts(anonymized(copy, (), WORDS), classifier) == verdicts(copy, classifier)


def test_hosts_of_large_providers_keep_their_names() -> None:
    pseudonyms = Pseudonyms({"outlook.com"})
    pseudonyms.learn("jane@outlook.com joe@firm.example")
    said = pseudonyms.applied("jane@outlook.com via a.protection.outlook.com, mx2.firm.example")
    assert said == "user1@domain1.example via a.protection.outlook.com, mx2.domain2.example"


def readers_of(raw: bytes, classifier: Classifier) -> set[str]:
    return {one.report.reader for one in classify(raw, classifier).reports}


@pytest.mark.parametrize("reader", [one for one in READERS if one.pattern], ids=lambda r: r.name)
def test_words_of_a_family_stay_in_its_notices(reader: Reader, classifier: Classifier) -> None:
    """Though they are local parts of Message-IDs, and the names of who wrote the notice."""
    notice = next(one for one in NOTICES if reader.name in readers_of(one, classifier))
    words = sorted(words_of([reader.pattern]))
    ids = " ".join(f"<{word}@firm.example>" for word in words)
    written_by = "".join(f"Sender: {word} <mailer-daemon@firm.example>\n" for word in words)
    raw = f"References: {ids}\n{written_by}".encode() + notice
    copy = anonymized(raw, (), WORDS)
    assert readers_of(copy, classifier) == readers_of(raw, classifier)
    assert verdicts(copy, classifier) == verdicts(raw, classifier)


def test_name_of_a_mail_system_stays_in_the_heading_of_its_family() -> None:
    pseudonyms = Pseudonyms()
    pseudonyms.learn_names("Mail Delivery Software <mailer-daemon@firm.example>")
    said = "This message was created automatically by mail delivery software."
    assert pseudonyms.applied(said) == said


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"(?i)\bmailbox\b is\sfull", {"mailbox", "full"}),
        (r"\p{Greek}+ over\x{20}quota", {"over", "quota"}),
        (r"address(?:es|\(es\))?", {"address"}),
        (r"создано \S+", {"создано"}),
    ],
)
def test_words_of_a_pattern_have_no_escapes(pattern: str, words: set[str]) -> None:
    assert words_of([pattern]) == words


def test_words_that_rules_look_for_stay_in_sentences() -> None:
    pseudonyms = Pseudonyms(words={"full"})
    pseudonyms.learn("full@firm.example jdoe@firm.example")
    said = pseudonyms.applied("<full@firm.example>: mailbox full; jdoe... 550 5.1.1 no jdoe")
    assert said == "<user1@domain1.example>: mailbox full; user2... 550 5.1.1 no user2"


@pytest.mark.parametrize(
    ("domain", "base"),
    [("a.b.example.com", "example.com"), ("a.firm.co.uk", "firm.co.uk"), ("firm.de", "firm.de")],
)
def test_base_of_a_domain_is_what_somebody_registered(domain: str, base: str) -> None:
    assert base_of(domain) == base
