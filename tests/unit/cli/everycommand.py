"""One call of each command, and a store in which each has something to do.

Tests of what holds for all commands take this table; `test_streams` holds it against the command.
"""

import os
import shlex
import time
from contextlib import closing
from pathlib import Path

from tests.events import event_of
from tests.stores import store_settings

from bouncegate.config.settings import GuardSettings, LedgerSettings, PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.milter.lookup.tablefile import TableFile
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Audit, Event
from bouncegate.store.audit import new_key
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tokens.keys import KEY_FILE, rotate
from bouncegate.store.tools.backup import Source, make_backup
from bouncegate.web.access.accounts import Accounts
from bouncegate.web.access.environment import open_access
from bouncegate.web.access.tokens import Tokens, Wish
from bouncegate.web.events.deliveries import Place
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.position import Position
from bouncegate.web.rights import Person, Right

ANN = "ann@example.com"
MANY = 600
"""Addresses that bounced: more than the rows after which a progress bar moves."""

_NOW = int(time.time())
_PROVIDERS = Providers.of()
_SIGNED: tuple[Trust, ...] = ("signed",)

DAEMONS = {"milter", "return-path", "receive", "map", "maintain", "events", "web", "cluster run"}
"""They serve, and show nothing."""
OF_MACHINES = {
    f"cluster {name}" for name in ("join", "status", "verify", "adopt", "leave", "forget")
}
"""They need a database and several machines: `tests/postfix/test_cluster.py` has them."""

# FOLDER is that of the test, INCIDENT the number of the one that is open. Several calls of one
# command differ in the code that they reach.
SHOWING = f"""\
show {ANN}
show --json {ANN}
explain {ANN}
explain --json {ANN}
trace {ANN} --log FOLDER/mail.log
check --file FOLDER/list.txt
check --json --file FOLDER/list.txt
check FOLDER/list.txt --write-good FOLDER/good.txt --replace
provider {ANN}
list
list --json
list --csv
list --sort until
list --ends-within 7d
list --state all
list --state bounced
export
export --format json
export {ANN}
report health --json
report mailing
report group --csv
report sender
report provider
report domain --json
report reason
report rate
report unknown
summary --now
summary --now --json
report mailing spring --addresses
incident list
incident show INCIDENT
audit
classify FOLDER/bounce.eml
classify --json --explain FOLDER/bounce.eml
classify --vocabulary sisimai FOLDER/bounce.eml
setup --check -c FOLDER/postfix
doctor --daemon map
reasons
reasons --json
reasons --vocabulary ses
anonymize FOLDER/bounce.eml
check-config
simulate
simulate --json
postfix status -c FOLDER/postfix
doctor --json
keys list
store stats
store verify --other-policy
clock show
cluster init --sql
requests list
requests list --json
map status FOLDER/table
events status
events status --json
events log folder
events log folder --dead
web account list
web account list --json
web token list
web token list --json
unlock --all --force --dry-run
undo --reason user-unknown --dry-run
purge --dry-run {ANN}
purge --all --dry-run
import --locks FOLDER/locks.csv --dry-run
"""
CHANGING = f"""\
lock new@example.com
requests add {ANN}
requests approve 1 --yes
requests decline 1
unlock --all --force --yes
correct {ANN} ann@gmail.com --force
alive {ANN}
purge {ANN} --yes
import --locks FOLDER/locks.csv --yes
incident confirm INCIDENT --yes
incident dismiss INCIDENT --yes
undo --reason user-unknown --yes
keys rotate
store backup FOLDER/backup
store restore FOLDER/saved --replace
store compact
store upgrade
clock accept --yes
map export texthash:FOLDER/exported
events replay folder
events test folder
web account add guest --role view --generate
web account role desk admin
web account password desk --generate
web account remove desk
web token add crm --scope check
web token rotate shop
web token revoke shop
postfix enable -c FOLDER/postfix --no-reload --yes
postfix disable -c FOLDER/postfix --no-reload --yes
"""

_BOUNCE = """\
From: MAILER-DAEMON@mx.example.org
To: news@example.org
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/plain

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ann@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user here

--b--
"""


def words(line: str, folder: Path) -> list[str]:
    """The arguments of a line of the tables."""
    incident = (folder / "incident").read_text()
    return [
        word.replace("FOLDER", str(folder)).replace("INCIDENT", incident)
        for word in shlex.split(line)
    ]


def make_place(folder: Path, many: int = MANY) -> None:
    """Fill a folder with all that the calls name: config, store, ledger, lists and messages."""
    addresses = [ANN, *(f"user{n:04}@example.com" for n in range(many))]
    readers = "".join(f"reader{n:04}@example.net\n" for n in range(many))
    for name in ("store", "postfix"):
        (folder / name).mkdir()
    write_config(folder)
    for name, text in {
        "mail.log": "",
        "bounce.eml": _BOUNCE,
        "list.txt": "".join(f"{one}\n" for one in addresses),
        "locks.csv": f"address\n{readers}",
        "postfix/main.cf": f"compatibility_level = 3.6\nqueue_directory = {folder}/spool\n",
        "postfix/master.cf": "smtp inet n - n - - smtpd\n",
    }.items():
        (folder / name).write_text(text)
    _fill_ledger(folder, addresses[:50])
    with closing(Store.open(store_settings(folder / "store"))) as store:
        _bounce(store, [_event(one, number) for number, one in enumerate(addresses)], guard=None)
        guard = Guard(GuardSettings(addresses=5))
        _bounce(store, [_event(f"u{n}@gmail.com", 0, ago=60) for n in range(30)], guard=guard)
        (folder / "incident").write_text(str(store.incidents.all()[-1].number))
        asked = UnlockRequest(ANN, _NOW, _NOW + 86_400, "desk")
        store.requests.add([asked], Audit(new_key(_NOW), _NOW, "requests add", "desk"))
        rotate(folder / "store" / KEY_FILE, _NOW, 0)
        make_backup(Source(folder / "store", store, None), folder / "saved", _NOW)
    TableFile.parse(f"texthash:{folder}/table").write(iter(()))
    (folder / "spool-of-events").mkdir()
    with closing(open_access(store_settings(folder / "store"))) as access:
        Accounts(access).add("desk", "operate", (), "correct horse battery", _NOW)
        root = Person("root", frozenset(Right), "admin")
        Tokens(access).add(Wish("shop", ("check",)), root, _NOW, is_accounts=False)
    with closing(EventStore.open(store_settings(folder / "store"), readonly=False)) as events:
        events.deliveries.start("folder", Place(Position(1, _NOW, 0, 0), _NOW))


def write_config(folder: Path) -> None:
    """Name what is in this folder, which may be a copy."""
    (folder / "bouncegate.toml").write_text(
        f'[store]\npath = "{folder}/store"\nmap_size = "64 MiB"\n'
        f'[maillog]\nfile = "{folder}/mail.log"\n[dns]\nenabled = false\n'
        "[events]\nenabled = true\n"
        f'[[events.endpoint]]\nname = "folder"\nspool = "{folder}/spool-of-events"\n'
    )


def _fill_ledger(folder: Path, recipients: list[str]) -> None:
    settings = LedgerSettings(max_size=Size(64 * 2**20))
    with closing(Ledger.open(store_settings(folder / "store"), settings, readonly=False)) as ledger:
        sends = (
            Sent(_NOW - 120, os.urandom(8), "news@example.org", (one,), mailing="spring",
                group="readers")
            for one in recipients
        )  # fmt: skip
        ledger.write([entry_of(sent) for sent in sends])


def _event(address: str, number: int, ago: int = 3 * 86_400) -> Event:
    return event_of(
        address,
        _NOW - ago,
        Reason.USER_UNKNOWN if number % 5 else Reason.MAILBOX_DISABLED,
        rule="user.unknown",
        identity=os.urandom(16),
        status="5.1.1",
        diagnostic="550 5.1.1 no such user here",
        mailing="spring",
        group="readers",
        sender="news@example.org",
        provider=_PROVIDERS.provider_of(address),
    )


def _bounce(store: Store, events: list[Event], guard: Guard | None) -> None:
    policy = Policy(PolicySettings(), _SIGNED, guard=guard)
    store.record([Bounce([one], b"") for one in events], policy)
