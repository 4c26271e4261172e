"""Logging in and out, and the list of one's own sessions.

A wrong name costs what a wrong password costs. From the fifth failure in a row on, an account and
a client wait before the next try, twice as long each time, 5 minutes at most. Each failure is one
line of the log, `login failed user=... client=...`, for fail2ban(1).
"""

import logging
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from starlette.responses import Response

from bouncegate.web.access.accounts import Account
from bouncegate.web.access.passwords import is_right
from bouncegate.web.call import LOGIN_COOKIE, Call
from bouncegate.web.identity import COOKIE
from bouncegate.web.page.showing import show
from bouncegate.web.problem import Problem
from bouncegate.web.redirects import local_path, see
from bouncegate.web.routes import Route

_LOG: Final = logging.getLogger("bouncegate.web")
_MOST_WAITING: Final = 20
_LOGIN_SECONDS: Final = 3600
# What could be taken for another field, or another line, is not logged.
_ODD: Final = re.compile(r"[^\w.@+-]", re.ASCII)


def show_login(call: Call, *, status: int = 200, failed: bool = False) -> Response:
    """The form."""
    _require_local_accounts(call)
    nonce = call.request.cookies.get(LOGIN_COOKIE, "") or secrets.token_urlsafe(32)
    target = call.form.one("next") or call.request.query_params.get("next", "/")
    response = show(
        call,
        "login.html",
        status=status,
        csrf=call.csrf_for_login(nonce),
        next=local_path(target),
        failed=failed,
    )
    _set_cookie(response, LOGIN_COOKIE, nonce, _LOGIN_SECONDS)
    return response


def get_login(call: Call) -> Response:
    """The form, or what is behind it for somebody who is in."""
    if call.person.is_known:
        return see(call.request.query_params.get("next", "/"))
    return show_login(call)


async def post_login(call: Call) -> Response:
    """Begin a session."""
    _require_local_accounts(call)
    form, site = call.form, call.site
    name, password = form.one("user").strip(), form.one("password")
    if site.logins_waiting >= _MOST_WAITING:
        raise Problem("busy", headers={"retry-after": "5"})
    account = await site.log_in(_checked, call, name, password)
    if account is None:
        return show_login(call, status=401, failed=True)
    old = call.request.cookies.get(COOKIE, "")
    if old:
        site.access.sessions.end(site.access.session_key(old))
    agent = call.request.headers.get("user-agent", "")
    id_ = site.access.sessions.begin(account, int(time.time()), call.client, agent)
    _LOG.info("login user=%s client=%s", account.name, call.client)
    response = see(form.one("next", "/"))
    _set_cookie(response, COOKIE, id_, site.settings.web.session.after(0))
    _delete_cookie(response, LOGIN_COOKIE)
    return response


def post_logout(call: Call) -> Response:
    """End this session."""
    if call.person.session:
        call.site.access.sessions.end(call.person.session)
    response = see("/login" if call.person.session else "/")
    _delete_cookie(response, COOKIE)
    return response


def get_sessions(call: Call) -> Response:
    """One's own sessions."""
    account = _own_account(call)
    own = call.site.access.sessions.of(account, int(time.time()))
    rows = [
        {
            "id": urlsafe_b64encode(key).decode(),
            "begun": session.begun,
            "used": session.used,
            "client": session.client,
            "agent": session.agent,
            "is_this": key == call.person.session,
        }
        for key, session in own
    ]
    return show(call, "sessions.html", rows=rows)


def post_sessions(call: Call) -> Response:
    """End one of one's own sessions, or all others."""
    account = _own_account(call)
    sessions = call.site.access.sessions
    wanted = call.form.one("end")
    if wanted == "others":
        for key, _ in sessions.of(account, int(time.time())):
            if key != call.person.session:
                sessions.end(key, account.name)
        return see("/settings/sessions")
    try:
        key = urlsafe_b64decode(wanted)
    except ValueError:
        raise Problem("request", "no such session") from None
    sessions.end(key, account.name)
    return see("/settings/sessions")


def _checked(call: Call, name: str, password: str) -> Account | None:
    """The account, if the password is right; runs alone, one after the other. Raises Problem."""
    delays, now = call.site.delays, time.monotonic()
    keys = (("user", name[:64]), ("client", call.client))
    wait = max(delays.wait(key, now) for key in keys)
    shown = _ODD.sub("?", name[:64]) or "?"
    if wait:
        _LOG.warning("login failed user=%s client=%s reason=too-many", shown, call.client)
        raise Problem(
            "rate",
            f"Too many wrong passwords: try again in {round(wait + 0.5)} s.",
            headers={"retry-after": str(round(wait + 0.5))},
        )
    account = call.site.access.accounts.get(name)
    if is_right(password, account.password if account else None):
        for key in keys:
            delays.succeeded(key)
        return account
    for key in keys:
        delays.failed(key, time.monotonic())
    _LOG.warning("login failed user=%s client=%s", shown, call.client)
    return None


def _own_account(call: Call) -> Account:
    account = call.site.access.accounts.get(call.person.name) if call.person.session else None
    if account is None:
        raise Problem("not-found", "The proxy in front keeps the sessions.")
    return account


def _require_local_accounts(call: Call) -> None:
    if call.listener.trusts_names:
        raise Problem("not-found", "The proxy in front says who you are.")


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict"
    )


def _delete_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")


ROUTES: Final = (
    Route("/login", get_login, public=True),
    Route("/login", post_login, ("POST",), public=True),
    Route("/logout", post_logout, ("POST",)),
    Route("/settings/sessions", get_sessions),
    Route("/settings/sessions", post_sessions, ("POST",)),
)
