"""The log formats of container runtimes: CRI (Kubernetes, Podman) and Docker's json-file."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.classifier.maillog.site import ANN, NOW, UNKNOWN, Site, line

from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.inspection import Inspection, inspect
from bouncegate.classifier.maillog.line import LONGEST, DeliveryLine, Parser
from bouncegate.classifier.maillog.split import split

TIME = "2026-11-25T04:04:51.123456789Z"
AT = int(datetime(2026, 11, 25, 4, 4, 51, tzinfo=UTC).timestamp())
SENT = (
    "postfix/smtp[24052]: QUEUE01: to=<a@r.example>, relay=mx.r.example[192.0.2.1]:25, delay=1, "
    "delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 <Ok> & done)"
)
FORGED = SENT.replace("QUEUE01", "FORGED1")


Form = Callable[[str], str]


def cri(text: str, tag: str = "F", stream: str = "stdout", time: str = TIME) -> str:
    return f"{time} {stream} {tag} {text}\n"


def docker(text: str, stream: str = "stdout", **more: object) -> str:
    """As Docker writes it: its encoder escapes what HTML would."""
    fields = {"log": text, "stream": stream, **more, "time": TIME}
    octets = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        octets = octets.replace(character, f"\\u{ord(character):04x}")
    return octets + "\n"


def deliveries(text: str, now: int = AT + 60) -> list[DeliveryLine]:
    parser = Parser("postfix", UTC)
    lines = (parser.parse(octets, now) for octets, _ in split(BytesIO(text.encode()), is_last=True))
    return [one for one in lines if isinstance(one, DeliveryLine)]


def lengths(text: str, *, is_last: bool = True) -> list[int]:
    return [length for _, length in split(BytesIO(text.encode()), is_last=is_last)]


@pytest.mark.parametrize(
    "inner",
    [
        SENT,
        f"Nov 24 22:04:51 mail {SENT}",
        f"2026-11-24T22:04:51.5-06:00 mail {SENT}",
        f"<22>Nov 24 22:04:51 mail {SENT}",
        SENT.replace("postfix/smtp[24052]:", "<22>1 2026-11-24T22:04:51Z mail postfix/smtp 1 - -"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        cri,
        lambda text: cri(text, time="2026-11-25T05:04:51.1+01:00"),
        lambda text: docker(text + "\n"),
        lambda text: docker(text + "\r\n", attrs={"tag": "mail"}),
        docker,
    ],
)
def test_a_line_in_a_container_s_log_is_read_with_the_runtime_s_time(
    form: Form, inner: str
) -> None:
    (found,) = deliveries(form(inner))
    assert (found.time, found.has_zone) == (AT, True)
    assert (found.queue_id, found.recipient) == ("QUEUE01", "a@r.example")
    assert found.text == "250 2.0.0 <Ok> & done"


@pytest.mark.parametrize(
    "lines",
    [
        cri(SENT, stream="stderr"),
        docker(SENT + "\n", stream="stderr"),
        cri("hello"),
        docker(f"hello\n{SENT}\n"),
        '{"log":"' + SENT + "\n",
        '{"log":7,"time":""}\n',
        docker(SENT).replace(TIME, "yesterday"),
        cri(SENT).replace(" F ", " X "),
    ],
)
def test_a_container_s_log_of_anything_else_is_ignored(lines: str) -> None:
    assert deliveries(lines + cri(SENT.replace("QUEUE01", "QUEUE02"))) == [
        one._replace(queue_id="QUEUE02") for one in deliveries(cri(SENT))
    ]


@pytest.mark.parametrize("cuts", [[10], [1, 30, 60], [len(SENT)]])
def test_a_line_that_the_runtime_has_cut_is_joined(cuts: Iterable[int]) -> None:
    places = [0, *cuts, len(SENT)]
    parts = [SENT[start:end] for start, end in pairwise(places)]
    lines = [cri(part, "P") for part in parts[:-1]] + [cri(parts[-1], "F")]
    assert deliveries("".join(lines)) == deliveries(cri(SENT))
    assert lengths("".join(lines)) == [sum(map(len, lines))], "one line, one position"
    between = cri("noise", stream="stderr").join(lines)
    assert deliveries(between) == deliveries(cri(SENT))


@pytest.mark.parametrize("is_last", [True, False])
def test_a_line_whose_last_part_is_not_there_yet_waits(is_last: bool) -> None:
    whole, parts = cri(SENT), cri(SENT[:9], "P") + cri(SENT[9:20], "P")
    expected = [len(whole)] + ([] if is_last else [len(parts)])
    assert lengths(whole + parts, is_last=is_last) == expected


HUGE = "x" * LONGEST


@pytest.mark.parametrize(
    "cut",
    [
        [cri(HUGE, "P"), cri(FORGED)],
        [cri(HUGE, "P"), cri(HUGE, "P"), cri(FORGED)],
        [*(cri("x" * 1000, "P") for _ in range(20)), cri(FORGED)],
        [docker(HUGE), docker(FORGED + "\n")],
        [docker(HUGE), docker(HUGE), docker(FORGED + "\n")],
        [docker("x" * (LONGEST - 14) + '\\n"'), docker(FORGED + "\n")],
    ],
)
def test_a_line_that_is_too_long_in_all_is_ignored_with_all_parts(cut: list[str]) -> None:
    text = "".join(cut)
    after = docker(SENT + "\n") if text.startswith("{") else cri(SENT)
    assert deliveries(text + after) == deliveries(cri(SENT))
    assert lengths(text + after) == [len(text), len(after)]


@pytest.mark.parametrize("pad", range(0, 80, 7))
def test_a_whole_line_that_is_too_long_ends_where_it_ends(pad: int) -> None:
    """Wherever the boundary between two reads falls."""
    long = docker("x" * (LONGEST - pad - 9) + "\n")
    assert len(deliveries(long + docker(SENT + "\n"))) == 1


@given(st.binary(max_size=200), st.sampled_from([b"P", b"F"]), st.booleans())
def test_whatever_a_container_s_log_holds_its_lengths_add_up(
    noise: bytes, tag: bytes, is_json: bool
) -> None:
    head = b'{"log":' if is_json else TIME.encode() + b" stdout " + tag + b" "
    octets = b"".join((head, noise, b"\n", head, noise, b"\n"))
    found = list(split(BytesIO(octets), is_last=False))
    assert sum(length for _, length in found) == len(octets)


def test_a_container_s_log_is_followed_part_by_part(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    source = LogFile(path, Parser("postfix", UTC))
    path.write_text(cri(SENT) + cri(SENT[:40], "P"))
    reads = list(source.read(b"", AT + 60))
    assert len(reads) == 1
    position = reads[-1].place.octets()
    rotated = path.rename(tmp_path / "0.log.20261125-040500")
    with rotated.open("a") as file:
        file.write(cri(SENT[40:], "F"))
    path.write_text(cri(SENT, time="2026-11-25T04:05:00Z"))
    later = list(source.read(position, AT + 60))
    assert [read.line and read.line.time for read in later] == [AT, AT + 9]


@pytest.mark.parametrize("form", [cri, docker])
def test_a_container_s_log_counts_like_any_other(site: Site, form: Form) -> None:
    sent = site.sent(1, ANN)
    told = line(sent, "bounced", UNKNOWN)
    stamp = datetime.fromtimestamp(NOW, UTC).isoformat()
    site.write(form(told + "\n").rstrip("\n").replace(TIME, stamp))
    assert inspect(site.log, Parser("postfix", UTC), NOW + 10) == Inspection()
    site.run()
    assert site.state(ANN).hard == 1
