"""`python -m bench [NAME...]`: run benchmarks, all of them if none is named.

Options behind the names go to each benchmark: `--json`, `--locks`, `--seconds`, `--rounds`,
`--sizes`, `--messages`, `--connections`, `--kills`, `--hours`, `--seed`. `python -m bench.plot`
draws what `--json` prints. `--check` runs those that have a goal (`bench/goals.py`), or those of
them that are named, and fails if one is missed by more than its spread.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from bench.goals import GOALS, MISSED, judged
from bench.output import benchmarks, show

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
    "commands": "what each command that shows something costs at a million addresses",
    "web": "what the page's process takes to answer",
    "neighbours": "what RCPT meets while pages are open and bounces come in",
    "reports": "what reports over a million bounces cost",
    "bulk": "what a million addresses cost an operator, while mail flows and bounces come in",
    "files": "what backup, verify, compact, restore and upgrade cost at a million locks",
    "operations": "what mail and bounces meet during file operations at a million locks",
    "held": "how long a transaction of bulk work holds the write lock",
    "dns": "what providers and DNS cost the return path, and what dead name servers do to it",
    "maillog": "how fast Postfix's log is read",
    "events": "what events cost, and how late they arrive",
    "cluster": "entries a second that the log of a cluster takes, and how late they are read",
    "clusterstores": "what a bounce costs in the stores of a cluster, step by step",
    "counting": "what counting for [metrics] costs",
    "ledger": "what the ledger and the signed return path cost",
    "endurance": "what grows in daemons that run for weeks, in an hour by a fast clock",
    "kills": "what comes of kill -9 at random moments under load",
}
_ROOT: Final = Path(__file__).parents[1]
_OF_POSTFIX: Final = ("postfix", "recipients", "disk", "planes", "refused")


def main(words: list[str]) -> int:
    """Run each in a process of its own; the exit code of the first that failed."""
    names = [word for word in words if not word.startswith("-")]
    unknown = [name for name in names if name not in BENCHMARKS and not name[0].isdigit()]
    if unknown or {"-h", "--help"} & set(words):
        print(__doc__, *(f"  {name:<18}{what}" for name, what in BENCHMARKS.items()), sep="\n")
        return 64 if unknown else 0
    chosen = [name for name in names if name in BENCHMARKS]
    options = [word for word in words if word not in {*BENCHMARKS, "--check"}]
    if "--check" in words:
        return _check(chosen, options)
    for name in chosen or BENCHMARKS:
        if code := subprocess.run(_argv(name, options), cwd=_ROOT, check=False).returncode:
            return code
    return 0


def _argv(name: str, options: list[str]) -> list[str]:
    module = [f"bench.{name}"] if name not in _OF_POSTFIX else ["bench.postfix", name]
    return [sys.executable, "-m", *module, *options]


def _check(chosen: list[str], options: list[str]) -> int:
    """Run the benchmarks that have goals; 1 if one is missed."""
    goals = [goal for goal in GOALS if not chosen or goal.benchmark in chosen]
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys(goal.benchmark for goal in goals):
        print(f"bench: {name}", file=sys.stderr, flush=True)
        argv = _argv(name, [*options, "--json"])
        done = subprocess.run(argv, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return done.returncode
        found += benchmarks(done.stdout)
    results = list(judged(goals, found))
    rows = [
        {
            "benchmark": goal.benchmark,
            "of": f"{goal.row}: {goal.column}",
            "goal": goal.bound,
            "found": figure,
            "": verdict,
        }
        for goal, figure, verdict in results
    ]
    show("goals", rows, as_json="--json" in options)
    return int(any(one.verdict == MISSED for one in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
