"""Settings: the tokens by which programs use the HTTP interface, shown once, and people."""

from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists.audit import audit_of
from bouncegate.admin.times import BadValue, end_of
from bouncegate.policy.records import NO_END, Audit
from bouncegate.web.access.tokens import TokenError, Wish
from bouncegate.web.call import Call
from bouncegate.web.page.selection import asking, reason_in
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import RIGHTS_OF_SCOPE, Right
from bouncegate.web.routes import Route

_ENDS: Final = (("1 year", "For 1 year"), ("1 month", "For 1 month"), ("", "Without end"))


def tokens(call: Call) -> Response:
    """All tokens."""
    return _page(call, "")


def add(call: Call) -> Response:
    """Make one, and show it this once."""
    form, access = call.form, call.site.access
    try:
        end = end_of(form.one("expires"), call.now)
        groups = tuple(one.strip() for one in form.one("groups").split(",") if one.strip())
        expires = 0 if end == NO_END else end
        wish = Wish(form.one("name").strip(), tuple(form.all("scope")), groups, expires)
        is_accounts = bool(call.person.session)
        token, text = access.tokens.add(wish, call.person, call.now, is_accounts=is_accounts)
    except BadValue as error:
        raise Problem("request", words_for(call).say(error.key, **error.values)) from None
    except TokenError as error:
        raise Problem("request", str(error)) from None
    _note(call, f"web token add {token.name}", "")
    return _page(call, text)


def revoke(call: Call) -> Response:
    """End one at once."""
    why = reason_in(call) if call.form.one("why") else ""
    for token in call.site.access.tokens.revoke(call.form.one("id")):
        _note(call, f"web token revoke {token.name}", why)
    return _page(call, "")


def _note(call: Call, command: str, why: str) -> None:
    audit = audit_of(command, call.now, asking(call).who, why=why, count=0)
    call.site.act_now(_write, call, audit)


def _write(call: Call, audit: Audit) -> None:
    call.site.store.act([], call.site.policy.fold, audit=audit)


def _page(call: Call, fresh: str) -> Response:
    words = words_for(call)
    return show(
        call,
        "tokens.html",
        "settings",
        fresh=fresh,
        tokens=call.site.access.tokens.all(),
        accounts=call.site.access.accounts.all(),
        scopes=sorted(RIGHTS_OF_SCOPE),
        ends=[(value, words.text(title)) for value, title in _ENDS],
        endpoints=call.site.settings.events.endpoint,
    )


ROUTES: Final = (
    Route("/settings/tokens", tokens, right=Right.ADMIN, all_mail=True),
    Route("/settings/tokens", add, methods=("POST",), right=Right.ADMIN, all_mail=True),
    Route("/settings/tokens/revoke", revoke, methods=("POST",), right=Right.ADMIN, all_mail=True),
)
