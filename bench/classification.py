"""How fast bounces are read and classified, beside the standard library and flufl.bounce.

On the messages of a folder (`BOUNCEGATE_CORPUS`, its sub-folder `messages` if it has one; else
the samples of this project), in memory, in one process, the same messages in alternating
rounds; the best round of each counts, in seconds of the processor. What remembers
single texts is emptied before each round; the automata of the patterns and the table of words
stay, as they do in the daemon, so the first round, which makes them, is shown too.
`email.message_from_bytes` parses only. flufl.bounce takes parsed messages: its time is shown
with and without the parsing.

Also what a thousand rules cost beside a hundred, and a message of 25 MB.
"""

import email
import logging
import os
import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.output import arguments, show
from bouncegate.classifier import parse
from bouncegate.classifier.classified import classify
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.reply import dissect
from bouncegate.config.rules import Rule, Rules, load_rules
from bouncegate.config.taxonomy import Reason

_ROOT: Final = Path(__file__).parents[1]
_HUGE: Final = 25 * 2**20
_WHOLE: Final = "bouncegate, reading and classifying"


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    source, messages = _messages()
    classifier = Classifier(load_rules())
    speeds = _speeds(messages, classifier, options.rounds)
    how = "compiled" if parse.__file__.endswith(".so") else "from its sources"
    title = f"classification of {len(messages)} messages of {source}, {how}"
    show(title, _speed_rows(messages, speeds), as_json=options.json)
    show("rules, us a reply", _rule_rows(options.rounds), as_json=options.json)
    show("a message of 25 MB", _huge_rows(classifier), as_json=options.json)


def _messages() -> tuple[str, list[bytes]]:
    folder = os.environ.get("BOUNCEGATE_CORPUS")
    if not folder:
        samples = sorted((_ROOT / "tests" / "samples").rglob("*.eml"))
        return "tests/samples", [path.read_bytes() for path in samples]
    root = Path(folder)
    root = root / "messages" if (root / "messages").is_dir() else root
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return "BOUNCEGATE_CORPUS", [path.read_bytes() for path in files]


def _speeds(messages: Sequence[bytes], classifier: Classifier, rounds: int) -> dict[str, float]:
    """The best time of each, in seconds for all messages."""
    parsed = [email.message_from_bytes(raw) for raw in messages]
    contestants: dict[str, Callable[[], object]] = {
        "email.message_from_bytes": lambda: [email.message_from_bytes(raw) for raw in messages],
        "bouncegate, reading": lambda: [read(raw) for raw in messages],
        _WHOLE: lambda: [classify(raw, classifier) for raw in messages],
    }
    flufl = _flufl()
    if flufl:
        contestants["flufl.bounce, messages parsed before"] = lambda: [flufl(m) for m in parsed]
    best: dict[str, float] = {}
    for number in range(rounds):
        for name, run in contestants.items():
            dissect.cache_clear()
            classifier.forget_texts()
            seconds = _seconds(run)
            best[name] = min(best.get(name, seconds), seconds)
            if name == _WHOLE and number == 0:
                best[f"{name}, first round"] = seconds
    if flufl:
        parsing = best["email.message_from_bytes"]
        best["flufl.bounce"] = best["flufl.bounce, messages parsed before"] + parsing
    return best


def _flufl() -> Callable[[Any], object] | None:
    try:
        from flufl.bounce import all_failures  # noqa: PLC0415 - a peer, not a part
    except ImportError:
        print("flufl.bounce is not installed: its figures are missing")
        return None
    logging.disable(logging.CRITICAL)

    def scan(message: Any) -> object:
        try:
            return all_failures(message)
        except AttributeError:
            # Version 6.0.0 cannot take a From field with octets that are no ASCII.
            return None

    return scan


def _speed_rows(messages: Sequence[bytes], speeds: dict[str, float]) -> list[dict[str, Any]]:
    parsing = speeds["email.message_from_bytes"]
    return [
        {
            "what": name,
            "messages a second": round(len(messages) / seconds),
            "us a message": seconds / len(messages) * 1e6,
            "times email": parsing / seconds,
        }
        for name, seconds in speeds.items()
    ]


def _rule_rows(rounds: int) -> list[dict[str, Any]]:
    """Replies that none of the rules takes, which is the most work, with 100 and 1,000 rules."""
    maker = random.Random(7)
    words = ["".join(maker.choices("abcdefghijklmnop", k=maker.randint(4, 9))) for _ in range(4000)]
    replies = [f"550 5.0.0 {' '.join(maker.sample(words, 15))}" for _ in range(1000)]
    rows: list[dict[str, Any]] = []
    for count in (100, 1000):
        classifier = Classifier(Rules(tuple(_rule(n, maker, words) for n in range(count))))
        best = min(_seconds(_classifying(classifier, replies)) for _ in range(rounds))
        rows.append({"rules": count, "us": best / len(replies) * 1e6})
    for row in rows:
        row["times 100 rules"] = row["us"] / rows[0]["us"]
    return rows


def _classifying(classifier: Classifier, replies: Sequence[str]) -> Callable[[], object]:
    def run() -> None:
        classifier.forget_texts()
        for reply in replies:
            classifier.classify_reply(reply)

    return run


def _rule(number: int, maker: random.Random, words: Sequence[str]) -> Rule:
    first, second, third = maker.sample(words, 3)
    pattern = f"{first} {second}|{third} (?:is |was )?{first}"
    return Rule(id=f"rule.{number}", reason=Reason.POLICY, text=(pattern,))


def _huge_rows(classifier: Classifier) -> list[dict[str, Any]]:
    """A report that returns a message of 25 MB: its time, and the memory it took at most."""
    line = b"All work and no play makes a dull message, and a long one besides.\r\n"
    sample = (_ROOT / "tests" / "samples" / "notices" / "qmail.eml").read_bytes()
    raw = sample.replace(b"\n", b"\r\n") + line * (_HUGE // len(line))
    seconds = min(_seconds(lambda: classify(raw, classifier)) for _ in range(3))
    tracemalloc.start()
    classify(raw, classifier)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return [
        {"what": "time, ms", "value": seconds * 1000, "at most": 100},
        {"what": "further memory, MB", "value": peak / 2**20, "at most": 100},
    ]


def _seconds(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
