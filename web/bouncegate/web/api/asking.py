"""Who asks for a change, in the words of the acts."""

import socket

from bouncegate.admin.lists.audit import Who
from bouncegate.web.acts import Asking
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call


def asking(call: Call, why: str) -> Asking:
    """A program with its token, and why; raises Problem without a reason."""
    if not why.strip():
        raise refused("body", "why: say it for the audit record")
    person = call.person
    who = Who(
        by=person.name,
        user=person.name,
        client=call.client,
        host=socket.gethostname(),
        via=person.via,
        token=person.token,
    )
    return Asking(call.site, person, who, call.now, why.strip())
