"""The expected result of each command line of a page, or the test that covers it elsewhere.

Each line of a shell block must be in exactly one of these tables, or test_commands.py fails.
"""

import re
from typing import Final, NamedTuple


class Promise(NamedTuple):
    """The expected result of a `bouncegate` line in the site of site.py."""

    says: str
    """A regular expression that its output must match; empty: it prints nothing."""
    code: int = 0
    first: str = ""
    """A line that is run before it."""


class Elsewhere(NamedTuple):
    """A line that cannot run in the site's folder."""

    line: str
    """A regular expression for the whole line."""
    why: str
    test: str
    """The file with the test that covers it."""
    by: str
    """Words in that file that show that it still does."""


PROMISES: Final = {
    # README.md
    "bouncegate doctor": Promise(r"milter +error +does not answer at .* systemctl start", 2),
    "bouncegate list": Promise(r"clara@orchard\.example +locked +hard +address +user-unknown"),
    "bouncegate clock show": Promise(r"store +trusted"),
    'bouncegate clock accept --why "the server was off for a month"': Promise("clock is trusted"),
    "bouncegate check --bad subscribers.txt": Promise(r"3 +no-address +invalid", 1),
    "bouncegate show clara@orchard.example": Promise(r"locked +yes"),
    "bouncegate explain clara@orchard.example": Promise(r"Entry 1 locked it: 550 5\.1\.1"),
    "bouncegate trace clara@orchard.example": Promise(r"ledger .*(?s:.)*event=1 .*: locked: 550"),
    'bouncegate unlock clara@orchard.example --force --why "asked on the phone"': Promise(
        r"clara@orchard\.example: unlocked"
    ),
    'bouncegate audit --since "7 days"': Promise(r"unlock .*asked on the phone"),
    "bouncegate lock --help": Promise(r"Lock addresses by hand"),
    # docs/operating.md
    "bouncegate list --sort since --descending --limit 20": Promise(
        r"\Aaddress .*\notto@.*\nclara@"
    ),
    "bouncegate report reason": Promise(r"user-unknown"),
    "bouncegate report health": Promise(r"google", 2),
    "cp /etc/bouncegate/bouncegate.toml new.toml": Promise(r"\A\Z"),
    "bouncegate --config new.toml check-config": Promise(r"new\.toml: nothing wrong"),
    "cp new.toml /etc/bouncegate/bouncegate.toml": Promise(r"\A\Z"),
    "bouncegate incident list": Promise(r"open +google"),
    "bouncegate incident show 17": Promise(r"u0@gmail\.com"),
    'bouncegate incident dismiss 17 --why "they had an outage"': Promise(r"dismissed"),
    'bouncegate undo --reason mailbox-full --since "7 days" --dry-run': Promise(r"3 "),
    "bouncegate summary --now": Promise(r"bounced +\d"),
    "bouncegate report mailing": Promise(r"spring"),
    "bouncegate report mailing spring --addresses --kind hard --csv": Promise(r"clara@"),
    'bouncegate report sender --since "7 days"': Promise(r"example\.org"),
    'bouncegate report rate --since "30 days"': Promise(r"20..-..-.."),
    "bouncegate check subscribers.csv --write-good good.csv --write-bad bad.csv": Promise(
        r"2 rows read: 1 good, 1 bad", first="rm -f good.csv bad.csv"
    ),
    "bouncegate list --state detected --limit 20": Promise(r"address"),
    "bouncegate list --state stale": Promise(r"address"),
    "bouncegate correct otto@gmial.com otto@gmail.com --force": Promise(r"otto@gmail\.com"),
    "bouncegate export --with-id -o locked.csv": Promise(r"\A\Z"),
    "bouncegate import --corrections locked.csv --dry-run": Promise(r"0 to correct, 2 unchanged"),
    "bouncegate export -o locked.csv": Promise(r"\A\Z"),
    "bouncegate import --locks locked.csv --yes": Promise(
        r"2 to lock", first="bouncegate unlock --all --force --yes"
    ),
    "bouncegate store verify --other-policy": Promise(r"no differences"),
    # docs/retention.md
    "bouncegate export ann@example.com": Promise(r"mailbox-full"),
    'bouncegate purge ann@example.com --why "request of 3 March"': Promise(r"ann@example\.com"),
    "bouncegate purge --file erasures.txt --dry-run": Promise(
        r"clara@orchard\.example: this would be removed:(?s:.)*bob@.*: nothing is stored",
        first=r"printf 'clara@orchard.example\nbob@orchard.example\n' > erasures.txt",
    ),
    'bouncegate purge --all --domain orchard.example --why "the contract has ended"': Promise(
        r"clara@orchard\.example: purged"
    ),
    # docs/policy.md
    "bouncegate alive ann@example.com": Promise(r"1 of them had bounced .* 1 lock lifted"),
    "bouncegate alive --file opened.txt": Promise(r"^2 read"),
    'bouncegate simulate --config new.toml --since "90 days"': Promise(
        r"[12] would end on another day",
        first="""printf '[policy.hard]\\nlock = "2 years"\\n' >> new.toml""",
    ),
    # docs/rules.md
    "bouncegate check-config": Promise(r"nothing wrong"),
    "echo '550 closed for stocktaking' | bouncegate classify --diagnostics --explain -": Promise(
        r"decided by: code\.user-refused"
    ),
    "bouncegate classify --report case.eml bounce.eml": Promise(r"user-unknown"),
    "echo '550 closed for stocktaking' | bouncegate classify --diagnostics --report case.txt -": (
        Promise(r"550 closed for stocktaking")
    ),
    "bouncegate classify --explain bounce.eml": Promise(r"decided by: recipient\.unknown"),
    # docs/reasons.md
    "bouncegate classify --vocabulary sisimai --json bounce.eml": Promise(
        r'"reason":"userunknown","detail":"user-unknown"'
    ),
    "bouncegate reasons --vocabulary ses": Promise(r"mailbox-full +MailboxFull +Transient"),
    # docs/send-path.md
    "bouncegate map export lmdb:/var/lib/bouncegate/locks": Promise(r"3 entries, written"),
    'bouncegate map status --max-age "2 hours" /var/lib/bouncegate/locks': Promise(r" s old: good"),
    # docs/web.md
    "bouncegate web account add desk --role operate --generate": Promise(r"desk: \w{6}-"),
    "bouncegate web account list": Promise(r"desk +operate +all"),
    "bouncegate web token add shop --scope check,read --group shop.example": Promise(r"^bg_"),
    "bouncegate web token list": Promise(r"shop +check, read +shop\.example"),
    # docs/store.md
    "bouncegate store backup /var/backups/bouncegate-$(date +%F).tar.zst": Promise(
        r"bouncegate-20..-..-..\.tar\.zst: .*B(?s:.)*protect it like the store"
    ),
    "bouncegate store restore /var/backups/bouncegate-2026-01-31.tar.zst --replace": Promise(
        r"bouncegate", first="bouncegate store backup /var/backups/bouncegate-2026-01-31.tar.zst"
    ),
    "bouncegate store verify": Promise(r"no differences"),
    "bouncegate store compact": Promise(r"KiB before, .* after"),
    "bouncegate store upgrade": Promise(r"nothing to do"),
    "bouncegate store stats": Promise(r"store +locks +\d"),
}

_SYSTEMD: Final = "systemd must be the first process"
_ROOT: Final = "it changes the machine"
_PACKAGES: Final = "it changes the machine, and fetches packages"
_UNITS: Final = "tests/unit/test_systemd.py"
_WITHOUT: Final = "tests/debian/test_without_package.py"
_DEBIAN: Final = "tests/debian/test_package.py"

ELSEWHERE: Final = (
    Elsewhere(r"\./run (demo|test|deb|man .*)", "a task for developers",
              "tests/unit/test_readme.py", "every_task_of_run_that_is_named_exists"),
    Elsewhere(r"apt install \./build/deb/bouncegate_\*\.deb", _PACKAGES, _DEBIAN, "dpkg -i"),
    Elsewhere(r"apt (remove|purge) bouncegate", _ROOT, _DEBIAN, "dpkg -P"),
    Elsewhere(r"(URL|TOKEN)=.*|(printf .* )?curl -sS .*", "it asks a running site",
              "tests/unit/web/api/test_api_page.py", "test_examples_of_the_page"),
    Elsewhere(r"journalctl .*", _SYSTEMD, "tests/postfix/test_milter.py", "would-"),
    Elsewhere(r"apt-get install .*", _PACKAGES, "run", "libmilter-dev"),
    Elsewhere(r"python3 -m venv /opt/bouncegate|/opt/bouncegate/bin/.*|rm -r /opt/bouncegate",
              _ROOT, _WITHOUT, "lines_of_the_page"),
    Elsewhere(r"cd containers|docker compose .*", "there are no programs for containers here",
              "tests/debian/test_containers.py", "between_containers"),
    Elsewhere(r"bouncegate setup.*", _ROOT, _WITHOUT, "lines_of_the_page"),
    Elsewhere(r"bouncegate cluster init .*|psql .*", "it needs a PostgreSQL",
              "tests/unit/cli/test_cluster.py", "prepares_the_database"),
    Elsewhere(r"bouncegate cluster (join|status|verify|adopt .*)|"
              r"bouncegate (store \w+( --replace)?|export -o|import --locks) /var/tmp/.*",
              "it needs a PostgreSQL and several machines",
              "tests/postfix/test_cluster.py", "begins_with_a_backup"),
    Elsewhere(r"python3 -m build", "it asks a registry", "tests/unit/test_built.py", "sdist"),
    Elsewhere(r"pip install --no-deps .*", _PACKAGES,
              "tests/unit/classifier/test_library.py", "msgspec"),
    Elsewhere(r"systemctl (enable --now|disable --now|start|stop|reload) .*", _SYSTEMD, _UNITS,
              "systemd-analyze"),
    Elsewhere(r"editor \S+", "it waits for a person",
              "tests/unit/config/test_loading.py", "bouncegate.toml"),
    Elsewhere(r'.*\$BOUNCEGATE_CORPUS/.*|BOUNCEGATE_CORPUS=.*', "the corpus is not ours to ship",
              "tests/unit/classifier/test_corpus.py", "BOUNCEGATE_CORPUS"),
    Elsewhere(r"bouncegate postfix .*", "it changes a Postfix, and asks daemons that run",
              "tests/postfix/test_pages.py", "bouncegate postfix"),
    Elsewhere(r"for notice in .*|tail -n .*|done|rmdir .*", "there is no spool here",
              "tests/postfix/test_local_submission.py", "by_the_lines_of_the_how_to"),
    Elsewhere(r"uv pip compile .*", "it asks a registry", "tests/unit/test_locks.py",
              "runtime.lock"),
)  # fmt: skip


def elsewhere(line: str) -> list[Elsewhere]:
    """The entries that cover a line elsewhere."""
    return [one for one in ELSEWHERE if re.fullmatch(one.line, line)]


def needs_postfix(line: str) -> bool:
    """Whether a line runs one of Postfix's programs."""
    return "lmdb:" in line
