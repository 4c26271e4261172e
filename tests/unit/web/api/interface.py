"""The interface over a store with a few bounces, and tokens to ask it with."""

import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote

import msgspec
from tests.events import event_of
from tests.stores import open_store
from tests.websites import Answer, WebSite

from bouncegate.admin.lists.audit import Who, audit_of
from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import NO_END, Act, Audit, Event, Origin
from bouncegate.store.store import Bounce

SHOP: Final = "shop.example"
NEWS: Final = "news.example"
_SIGNED: Final[tuple[Trust, ...]] = ("signed",)
POLICY: Final = Policy(PolicySettings(), _SIGNED)


class Interface:
    """A running site, asked as a program asks."""

    def __init__(self, site: WebSite) -> None:
        self.site = site
        self._tokens: dict[tuple[str, ...], str] = {}

    def token(self, scope: str = "admin", *groups: str) -> str:
        """A token with scopes (several with commas) and groups; the same is made once."""
        wish = (scope, *groups)
        if wish not in self._tokens:
            options = [word for name in scope.split(",") for word in ("--scope", name)]
            options += [word for group in groups for word in ("--group", group)]
            name = f"t{len(self._tokens)}"
            self._tokens[wish] = self.site.command("web", "token", "add", name, *options).strip()
        return self._tokens[wish]

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        **fields: str,
    ) -> Answer:
        """One request; `path` below /api/v1, and a body that is no octets as JSON."""
        octets = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        headers["Authorization"] = f"Bearer {token or self.token()}"
        return self.site.ask(method, f"/api/v1{path}", headers, octets)

    def get(self, path: str, *, token: str | None = None) -> Any:
        """The body of an answer that has to be 200."""
        return read(self.ask("GET", path, token=token))

    def command(self, *arguments: str) -> list[Any]:
        """What a command prints with --json, line by line."""
        return [
            msgspec.json.decode(line)
            for line in self.site.command(*arguments, "--json").splitlines()
        ]

    def connection(self) -> HTTPConnection:
        """A connection for many requests."""
        connection = HTTPConnection("bouncegate.example.com")
        connection.sock = self.site.connect()
        return connection


def read(answer: Answer, status: int = 200) -> Any:
    """The body of an answer."""
    assert answer.status == status, answer.text
    return msgspec.json.decode(answer.body)


def in_path(address: str) -> str:
    return quote(address, safe="")


def fill(site: WebSite) -> None:
    """Bounces of two groups, locks of several kinds, in an order that is known."""
    now = int(time.time()) - 5000
    with closing(open_store(site.folder / "store")) as store:
        for event in _bounces(now):
            store.record([Bounce([event], b"")], POLICY)
        for act in _acts(now):
            store.act([act], POLICY.fold, audit=_audit(act))


def _audit(act: Act) -> Audit:
    who = Who(act.by, act.by)
    return audit_of("lock", act.time, who, why=act.why, targets=act.addresses, scopes=[act.group])


def _bounces(now: int) -> list[Event]:
    gone, full = Reason.USER_UNKNOWN, Reason.MAILBOX_FULL
    found = (
        ("gone@kernel.org", gone, SHOP, "spring"),
        ("full@kernel.org", full, SHOP, "spring"),
        ("gone@debian.org", gone, NEWS, "autumn"),
        ("full@debian.org", full, NEWS, "autumn"),
        ("both@debian.org", full, SHOP, "spring"),
        ("both@debian.org", full, NEWS, "autumn"),
    )
    return [
        event_of(
            address,
            now + number,
            reason,
            group=group,
            mailing=mailing,
            diagnostic=f"text for {group}",
            identity=number.to_bytes(16, "big"),
        )
        for number, (address, reason, group, mailing) in enumerate(found)
    ]


def _acts(now: int) -> list[Act]:
    day = 86_400
    return [
        Act(("hand@kernel.org",), now + 10, "lock", "ann", "told us", NO_END, Origin.MANUAL,
            Reason.OPERATOR),
        Act(("soon@kernel.org",), now + 11, "lock", "ann", "holidays", now + 9 * day, Origin.MANUAL,
            Reason.OPERATOR),
        Act(("later@kernel.org",), now + 12, "lock", "ann", "", now + 99 * day, Origin.MANUAL,
            Reason.OPERATOR, group=NEWS),
    ]  # fmt: skip
