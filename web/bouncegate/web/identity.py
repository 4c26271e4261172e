"""Who asks: the proxy in front says it, or a session, or a token; and whether they may.

page   a listener that trusts its proxy: what that says, and nothing else
       any other: the session of the cookie
api    the token, whatever the listener
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bouncegate.config.websettings import Role, RoleSettings, WebSettings
from bouncegate.web.access.accounts import Account
from bouncegate.web.access.tokens import person_of
from bouncegate.web.call import Call
from bouncegate.web.csrf import FIELD, HEADER, is_same_origin, is_token
from bouncegate.web.problem import Problem
from bouncegate.web.ratelimits import Buckets
from bouncegate.web.rights import NOBODY, ROLES, Person, Right, rights_of
from bouncegate.web.routes import Face, Route
from bouncegate.web.site import Site

COOKIE: Final = "__Host-bouncegate"
_SAFE: Final = frozenset({"GET", "HEAD"})
_SESSION_RATE: Final = 20.0
_CHECK_RATE: Final = 500.0
_BURST_SECONDS: Final = 4.0
_LONGEST_NAME: Final = 256
_MOST_GROUPS: Final = 500


class Identifier:
    """Says of a call who makes it, and refuses it where they may not."""

    def __init__(self, site: Site) -> None:
        """Go by the settings and the accounts of a site."""
        self._site = site
        rate = float(site.settings.api.rate)
        self._people = Buckets(_SESSION_RATE, _SESSION_RATE * _BURST_SECONDS)
        self._tokens = Buckets(rate, rate * _BURST_SECONDS)
        self._checks = Buckets(_CHECK_RATE, _CHECK_RATE)

    def __call__(self, call: Call, route: Route, face: Face) -> Call:
        """The call with whoever makes it; raises Problem."""
        headers = call.request.headers
        bearer = _bearer(headers.getlist("authorization"))
        if bearer is not None and COOKIE in call.request.cookies:
            raise Problem("request", "send a token or a cookie, not both")
        if face == "api":
            person = self._of_token(bearer)
        elif call.listener.trusts_names:
            person = self._of_proxy(call)
        else:
            person = self._of_session(call)
        call = replace(call, person=person)
        self._bound_rate(call, route)
        if not route.public:
            _require_known(call)
            if route.right is not None:
                call.require(route.right)
            if route.all_mail and call.person.groups:
                raise Problem("group", "This is about all mail, and you are bound to groups.")
        if face == "page" and call.request.method not in _SAFE:
            self._require_own_form(call, route)
        return call

    def _of_token(self, bearer: str | None) -> Person:
        if bearer is None:
            return NOBODY
        tokens, now = self._site.access.tokens, int(time.time())
        token = tokens.named(bearer)
        if token is None or token.is_over(now):
            return NOBODY
        maker = self._site.access.accounts.get(token.maker) if token.is_accounts else None
        if tokens.is_to_note(token, now):
            self._site.note(tokens.use, token, now)
        return person_of(token, maker)

    def _of_proxy(self, call: Call) -> Person:
        name = _one_field(call, call.listener.settings.user_header)
        if not name:
            return NOBODY
        fields = _one_field(call, call.listener.settings.groups_header)
        groups = [group.strip() for group in fields.replace("|", ",").split(",")][:_MOST_GROUPS]
        role = role_by(self._site.settings.web.roles, name, groups)
        rights = _rights(self._site.settings.web, role)
        return Person(name, rights, role)

    def _of_session(self, call: Call) -> Person:
        access, now = self._site.access, int(time.time())
        id_ = call.request.cookies.get(COOKIE, "")
        found = access.sessions.get(id_, access.accounts.get, now) if id_ else None
        if found is None:
            return NOBODY
        session, account = found
        key = access.session_key(id_)
        if access.sessions.is_to_note(session, now):
            self._site.note(access.sessions.use, key, now)
        return person_with(account, self._site.settings.web, key)

    def _bound_rate(self, call: Call, route: Route) -> None:
        person = call.person
        if person.token:
            buckets = self._checks if route.right is Right.CHECK else self._tokens
            key = f"token:{person.token}"
        elif person.session:
            buckets, key = self._people, f"session:{person.session.hex()}"
        else:
            buckets, key = self._people, f"{person.name}@{call.client}"
        wait = buckets.take(key, time.monotonic())
        if wait:
            policy = f'"default";q={buckets.burst:.0f};w={buckets.burst / buckets.rate:.0f}'
            seconds = max(1, round(wait + 0.5))
            raise Problem(
                "rate",
                headers={"retry-after": str(seconds), "ratelimit-policy": policy,
                         "ratelimit": f'"default";r=0;t={seconds}'},
            )  # fmt: skip

    def _require_own_form(self, call: Call, route: Route) -> None:
        request = call.request
        if not is_same_origin(request.headers, self._site.settings.web.base_url):
            raise Problem(
                "cross-site",
                "Where a proxy is in front, it has to pass on Host, or set [web] base_url.",
            )
        given = request.headers.get(HEADER) or (
            request.query_params.get(FIELD, "") if route.streams else call.form.one(FIELD)
        )
        if not is_token(given, call.csrf):
            raise Problem("cross-site", "The form is out of date: load the page again.")


def person_with(account: Account, web: WebSettings, session: bytes = b"") -> Person:
    """Somebody with a local account."""
    rights = _rights(web, account.role)
    return Person(account.name, rights, account.role, frozenset(account.groups), session=session)


def role_by(roles: RoleSettings, name: str, groups: Sequence[str]) -> Role | None:
    """The role that `[web.roles]` gives somebody whom the proxy names: the highest of theirs."""
    called = {f"group:{group}" for group in groups if group}
    if not name.startswith("group:"):  # nobody becomes a group by their name
        called.add(name)
    for role in reversed(ROLES):
        if called & set(getattr(roles, role)):
            return role
    return None


def _rights(web: WebSettings, role: Role | None) -> frozenset[Right]:
    return rights_of(role, view_exports=web.view_exports) if role else frozenset()


def _require_known(call: Call) -> None:
    if not call.person.is_known:
        raise Problem("unauthenticated", headers={"www-authenticate": "Bearer"})
    if call.person.via == "web" and call.person.role is None:
        raise Problem("forbidden", f"{call.person.name} has no role: see [web.roles]")


def _bearer(fields: list[str]) -> str | None:
    """The token that was sent; raises Problem if there are several."""
    tokens = [text.strip() for kind, _, text in (f.partition(" ") for f in fields)
              if kind.lower() == "bearer"]  # fmt: skip
    if len(tokens) > 1:
        raise Problem("request", "several tokens")
    return tokens[0] if tokens else None


def _one_field(call: Call, name: str) -> str:
    """The value of a field that the proxy sets; raises Problem if somebody else set it as well."""
    values = call.request.headers.getlist(name) if name else []
    if len(values) > 1:
        raise Problem("request", f"{name} stands there {len(values)} times")
    value = values[0].strip() if values else ""
    if len(value) > _LONGEST_NAME * 32 or not value.isprintable():
        raise Problem("request", f"{name} cannot be read")
    return value
