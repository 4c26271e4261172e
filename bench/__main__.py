"""`python -m bench [NAME...]`: run benchmarks, all of them if none is named.

Options behind the names go to each benchmark: `--json`, `--locks`, `--seconds`, `--rounds`,
`--sizes`, `--messages`, `--connections`, `--kills`, `--hours`, `--seed`. `python -m bench.plot`
draws what `--json` prints.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

BENCHMARKS: Final = {
    "classification": "how fast bounces are read, beside its peers",
    "repetition": "how the time of reading grows with what comes again and again",
    "damage": "how many recipients are found in bounces that are damaged",
    "lookup": "what the look-up of a lock costs",
    "milter_protocol": "the round trip at RCPT, beside the same in C",
    "postfix": "messages a second through a Postfix, bare and with Bouncegate",
    "recipients": "the same with 1, 10 and 50 recipients a message",
    "disk": "messages a second with the queue on a disk",
    "policy": "what a decision costs, and how fast histories are replayed",
    "scale": "what the look-up costs at 1, 10 and 50 million locks",
    "planes": "messages a second with the map, the native table, a policy service",
    "refused": "recipients a second that each plane refuses, behind a Postfix",
    "dsns": "DSNs a second that are durable, beside what Postfix hands over",
    "memory": "what memory each daemon takes for itself",
    "leaks": "memory and descriptors after many messages, and a thousand clients at once",
    "lists": "what lists of a million addresses cost",
    "web": "what the page's process takes to answer programs",
    "reports": "what reports over a million bounces cost",
    "bulk": "what a million addresses cost an operator, while mail flows and bounces come in",
    "files": "what backup, verify, compact, restore and upgrade cost at a million locks",
    "operations": "what mail and bounces meet during file operations at a million locks",
    "held": "how long a transaction of bulk work holds the write lock",
    "dns": "what providers and DNS cost the return path, and what dead name servers do to it",
    "maillog": "how fast Postfix's log is read",
    "events": "what events cost, and how late they arrive",
    "counting": "what counting for [metrics] costs",
    "ledger": "what the ledger and the signed return path cost",
    "endurance": "what grows in daemons that run for weeks, in an hour by a fast clock",
    "kills": "what comes of kill -9 at random moments under load",
}
_OF_POSTFIX: Final = ("postfix", "recipients", "disk", "planes", "refused")


def main(words: list[str]) -> int:
    """Run each in a process of its own; the exit code of the first that failed."""
    names = [word for word in words if not word.startswith("-")]
    unknown = [name for name in names if name not in BENCHMARKS and not name[0].isdigit()]
    if unknown or {"-h", "--help"} & set(words):
        print(__doc__, *(f"  {name:<18}{what}" for name, what in BENCHMARKS.items()), sep="\n")
        return 64 if unknown else 0
    chosen = [name for name in names if name in BENCHMARKS] or list(BENCHMARKS)
    options = [word for word in words if word not in BENCHMARKS]
    for name in chosen:
        module = [f"bench.{name}"] if name not in _OF_POSTFIX else ["bench.postfix", name]
        argv = [sys.executable, "-m", *module, *options]
        code = subprocess.run(argv, cwd=Path(__file__).parents[1], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
