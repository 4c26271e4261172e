"""How many recipients are still found when bounces are damaged, or when no family is known.

On the bounces of a corpus (`BOUNCEGATE_CORPUS`, with `labels.jsonl` and `messages/`), else on the
samples of this project. Each kind of damage takes from every bounce what readers lean on: a bounce
of a system that nobody wrote for looks like one of these.
"""

import json
import os
import quopri
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from bench.output import arguments, show
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.parse import read
from bouncegate.classifier.readers.registry import READERS, Reader
from bouncegate.classifier.report import NOT_FAILURES

_SAMPLES: Final = Path(__file__).parents[1] / "tests" / "samples"
_STANDARDS_AND_PROSE: Final = frozenset({"rfc3464", "amazon-ses", "disposition", "prose"})


class Bounce(NamedTuple):
    """A bounce, and the names by which each of its recipients may be reported."""

    octets: bytes
    recipients: tuple[frozenset[str], ...]


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    source, bounces = _bounces()
    rows = [_row(what, bounces, damage) for what, damage in DAMAGES.items()]
    with _only(_STANDARDS_AND_PROSE):
        rows.append(_row("no family known", bounces, bytes))
    with _only(frozenset({"prose"})):
        rows.append(_row("prose alone", bounces, bytes))
    show(f"{len(bounces)} bounces of {source}", rows, as_json=options.json)


def _bounces() -> tuple[str, list[Bounce]]:
    folder = os.environ.get("BOUNCEGATE_CORPUS")
    if folder:
        return "BOUNCEGATE_CORPUS", list(_of_corpus(Path(folder)))
    return "tests/samples", [b for name in ("families", "languages") for b in _of_samples(name)]


def _of_corpus(root: Path) -> Iterator[Bounce]:
    for line in (root / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        if label["class"] == "bounce" and not label.get("variant"):
            raw = (root / "messages" / label["file"]).read_bytes()
            yield Bounce(_with_lf(raw), tuple(map(_names, label["recipients"])))


def _names(recipient: dict[str, Any]) -> frozenset[str]:
    return frozenset(n.lower() for n in (recipient["address"], *(recipient.get("alt") or ())))


def _of_samples(name: str) -> Iterator[Bounce]:
    expected = tomllib.loads((_SAMPLES / name / "expected.toml").read_text("utf-8"))
    for sample, lines in expected.items():
        failed = [line.partition(" failed ")[0].lower() for line in lines if " failed " in line]
        if failed:
            raw = (_SAMPLES / name / f"{sample}.eml").read_bytes()
            yield Bounce(raw, tuple(frozenset({address}) for address in failed))


def _with_lf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _row(what: str, bounces: list[Bounce], damage: Callable[[bytes], bytes]) -> dict[str, Any]:
    found = others = 0
    for bounce in bounces:
        reports = read(damage(bounce.octets)).reports
        reported = {r.recipient.lower() for r in reports if r.action not in NOT_FAILURES}
        hits = [names for names in bounce.recipients if names & reported]
        found += len(hits)
        others += len(reported - frozenset().union(*hits))
    total = sum(len(bounce.recipients) for bounce in bounces)
    share = f"{100 * found / total:.1f} %"
    return {"damage": what, "found": found, "of": total, "share": share, "others": others}


@contextmanager
def _only(names: frozenset[str]) -> Iterator[None]:
    """Reading with these readers alone."""

    def candidates(_: Notification) -> Iterator[Reader]:
        yield from (reader for reader in READERS if reader.name in names)

    with (
        patch("bouncegate.classifier.parse.candidates", candidates),
        patch("bouncegate.classifier.recover.candidates", candidates),
    ):
        yield


def _header_changed(pattern: bytes, by: bytes) -> Callable[[bytes], bytes]:
    def damage(raw: bytes) -> bytes:
        header, blank, body = raw.partition(b"\n\n")
        return re.sub(pattern, by, header + b"\n", flags=re.IGNORECASE | re.MULTILINE) + (
            blank[1:] + body
        )

    return damage


def _quoted(raw: bytes) -> bytes:
    header, _, body = raw.partition(b"\n\n")
    if b"multipart" in header.lower() or b"encoding" in header.lower():
        return raw
    encoding = b"\nContent-Transfer-Encoding: quoted-printable\n\n"
    return header + encoding + quopri.encodestring(body)


def _status_part_unknown(raw: bytes) -> bytes:
    return raw.replace(b"message/delivery-status", b"application/x-unheard-of")


DAMAGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "no Content-Type": _header_changed(rb"^content-type:", b"X-Was-Type:"),
    "a wrong boundary": _header_changed(rb'boundary=("[^"]*"|\S+)', b'boundary="wrong-one"'),
    "a status part of an unknown type": _status_part_unknown,
    "an ordinary author": _header_changed(
        rb"^from:.*\n(?:[ \t].*\n)*", b"From: someone@gateway.example\n"
    ),
    "no subject": _header_changed(rb"^subject:.*\n(?:[ \t].*\n)*", b"Subject: \n"),
    "text in quoted-printable": _quoted,
}


if __name__ == "__main__":
    main()
