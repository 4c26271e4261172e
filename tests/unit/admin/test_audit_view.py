"""Changes on record: who made them where, by each face."""

import pytest

from bouncegate.admin.lists.audit import Who, audit_of
from bouncegate.admin.views.audit import audit_view, place_of

CLI = Who("ann", user="root", login="ann", tty="pts/3", client="192.0.2.7", host="mail.a.test")
WEB = Who("ann", user="ann", client="192.0.2.7", host="mail.a.test", via="web")
API = Who("shop", user="shop", client="192.0.2.7", host="mail.a.test", via="api", token="crm")


@pytest.mark.parametrize(
    ("who", "place"),
    [
        (CLI, "root (ann) pts/3 192.0.2.7 mail.a.test"),
        (WEB, "ann web 192.0.2.7 mail.a.test"),
        (API, "shop api crm 192.0.2.7 mail.a.test"),
    ],
    ids=["cli", "web", "api"],
)
def test_audit_view_names_the_place_and_the_face(who: Who, place: str) -> None:
    view = audit_view(audit_of("unlock", 1_790_000_000, who, targets=["a@a.test"]))
    assert place_of(view) == place
    assert (view.via, view.token) == (who.via, who.token)
