"""What each key of the config file allows alone, but not together with others."""

from collections.abc import Collection, Iterator

from bouncegate.config.clustersettings import cluster_faults
from bouncegate.config.providers import provider_problems, unknown_provider
from bouncegate.config.replies import faults as reply_faults
from bouncegate.config.returndomains import faults as return_domain_faults
from bouncegate.config.rows import faults as rows_faults
from bouncegate.config.rows import name_of, scoped_by_group
from bouncegate.config.settings import GuardSettings, ReplySettings, Settings
from bouncegate.config.webfaults import api_faults, events_faults, web_faults


def contradictions(settings: Settings, faulty: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is wrong between keys: the key and what would be right.

    Tables in which a key is `faulty` by itself are passed over: they are not what was meant.
    """
    tables = {_table_of(key) for key in faulty}
    for key, text in _between_keys(settings):
        if _table_of(key) not in tables:
            yield key, text
    rows = [n for n in range(1, 1 + len(settings.policy.row)) if name_of(n) not in tables]
    yield from rows_faults(settings.policy, rows)


def _table_of(key: str) -> str:
    """The table that contains a key; each item of an array of tables is a table."""
    return key if key.rpartition(".")[2].isdecimal() else key.rpartition(".")[0]


def _between_keys(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _faults_of_reply(settings.reply)
    if settings.milter.socket == settings.return_path.socket:
        yield "return_path.socket", "the milter listens on it: give each daemon its own socket"
    if settings.map.socket in (settings.milter.socket, settings.return_path.socket):
        yield "map.socket", "another daemon listens on it: give each daemon its own socket"
    if settings.maillog.source != "none" and not settings.keeps_ledger:
        text = "log lines are matched with the ledger: set enabled = true in [ledger]"
        yield "maillog.source", text
    if settings.map.return_to_sender and not settings.signs:
        yield "map.return_to_sender", "no sender is signed: set domain in [return_path]"
    if not settings.return_path.max_size.octets:
        yield "return_path.max_size", "must be positive"
    lists = settings.lists
    if not lists.stale_after.after(0) < lists.keep.after(0):
        yield "lists.keep", f"must be longer than stale_after, {lists.stale_after}"
    yield from _faults_of_guard(settings.guard)
    yield from _faults_of_mailboxes(settings)
    own = settings.return_path
    yield from return_domain_faults(own.domain, own.own_domains, own.sender_dependent)
    yield from provider_problems(settings.provider)
    yield from _faults_of_domain_locks(settings)
    yield from _faults_of_policy(settings)
    sockets = (settings.milter.socket, settings.map.socket, settings.return_path.socket)
    yield from web_faults(settings.web, sockets)
    yield from api_faults(settings.api)
    yield from events_faults(settings.events)
    yield from cluster_faults(settings.cluster)


def _faults_of_guard(guard: GuardSettings) -> Iterator[tuple[str, str]]:
    if not guard.window.after(0):
        yield "guard.window", 'must be positive: write "6 hours", for example'
    for number, slow in enumerate(guard.slow, 1):
        if slow.window.after(0) <= guard.window.after(0):
            yield f"guard.slow.{number}.window", f"must be longer than guard.window, {guard.window}"


def _faults_of_mailboxes(settings: Settings) -> Iterator[tuple[str, str]]:
    domains, person = settings.return_path.domains, settings.return_path.postmaster
    if not person:
        yield "return_path.postmaster", 'must not be empty: write "postmaster" or an address'
    if domains.holds(domain := person.lower().rpartition("@")[2]):
        text = f"mail for postmaster@{domain} would loop: use an address in another domain"
        yield "return_path.postmaster", text
    if not settings.alive.mailbox or "@" in settings.alive.mailbox:
        yield "alive.mailbox", 'write a local part such as "alive"'


def _faults_of_policy(settings: Settings) -> Iterator[tuple[str, str]]:
    if header := settings.ledger.group_header:
        for key in scoped_by_group(settings.policy):
            text = (
                f"at RCPT TO the {header} is not known: "
                'write group = "sender-domain" or "login" in [ledger]'
            )
            yield f"{key}.scope", text
    for number, row in enumerate(settings.policy.row, 1):
        for name in row.provider:
            if why := unknown_provider(name, settings.provider):
                yield f"{name_of(number)}.provider", why


def _faults_of_domain_locks(settings: Settings) -> Iterator[tuple[str, str]]:
    locks = settings.domain_locks
    if not (locks.enabled and settings.dns.enabled):
        return
    if not settings.dns.confirm.after(0):
        yield "dns.confirm", "must be positive: otherwise one DNS answer would lock a domain"
    if not locks.window.after(0):
        yield "domain_locks.window", 'must be positive: write "30 days", for example'
    if not 0 < locks.recheck.after(0) <= locks.lock.after(0) // 4:
        text = (
            f"must be at most a quarter of lock, {locks.lock}: a lock is re-checked before it ends"
        )
        yield "domain_locks.recheck", text


def _faults_of_reply(reply: ReplySettings) -> Iterator[tuple[str, str]]:
    if reply.status.code and str(reply.code)[0] != reply.status.code[0]:
        text = f"{reply.status} and code {reply.code} must begin with the same digit (RFC 3463, 2)"
        yield "reply.status", text
    if reply.action == "defer" and reply.code not in (ReplySettings().code, 450):
        yield "reply.code", f"{reply.code} is permanent: to defer, remove it or write 450"
    yield from (("reply.text", fault) for fault in reply_faults(*reply.words()))
    seen: set[str] = set()
    for number, group in enumerate(reply.groups, 1):
        here = f"reply.groups.{number}"
        if not group.sender_domains:
            yield here, "sender_domains is empty: list the domains of the senders"
        if not (group.text.template or group.url.template):
            yield here, "sets neither text nor url: set one of them"
        for domain in group.sender_domains:
            if domain in seen:
                yield f"{here}.sender_domains", f"{domain} is in an earlier group already"
            seen.add(domain)
        yield from ((f"{here}.text", fault) for fault in reply_faults(*reply.words(group)))
