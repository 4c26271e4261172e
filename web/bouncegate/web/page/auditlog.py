"""The audit log: who changed what, when, from where and why."""

from itertools import islice
from typing import Final

from starlette.responses import Response

from bouncegate.admin.times import BadValue, period_of
from bouncegate.admin.views.audit import audit_view, audits_of, names_of, place_of
from bouncegate.store.address import AddressError, canonical
from bouncegate.web.call import Call
from bouncegate.web.page.language import seconds_of
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

_SHOWN: Final = 100


def audit(call: Call) -> Response:
    """The latest changes, of one person, one address or a period."""
    given = {name: call.request.query_params.get(name, "").strip() for name in _FILTERS}
    try:
        first, end = period_of(given["since"], given["until"], call.now)
        fold = call.site.settings.store.fold_local_part
        address = canonical(given["address"], fold=fold) if given["address"] else ""
    except BadValue as error:
        raise Problem("request", words_for(call).say(error.key, **error.values)) from None
    except AddressError as error:
        raise Problem("request", str(error)) from None
    found = audits_of(call.site.store, address, first, end, oldest_first=False)
    chosen = (one for one in found if not given["by"] or given["by"] in names_of(one))
    views = [audit_view(one) for one in islice(chosen, _SHOWN)]
    return show(
        call,
        "audit.html",
        "audit",
        given=given,
        entries=[(seconds_of(view.time), place_of(view), view) for view in views],
        most=_SHOWN,
    )


_FILTERS: Final = ("by", "address", "since", "until")

ROUTES: Final = (Route("/audit", audit, right=Right.AUDIT, all_mail=True),)
