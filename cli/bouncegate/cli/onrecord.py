"""A change to files, written to the audit once it is made."""

import os
import time
from contextlib import closing

from bouncegate.cli.invocation import Invocation
from bouncegate.cli.operator import audit_of
from bouncegate.cli.output import complain
from bouncegate.config.problems import ConfigError
from bouncegate.store.environment import DATA
from bouncegate.store.errors import StoreError


def put_on_record(invocation: Invocation, command: str, changed: str, *, by: str, why: str) -> None:
    """Write the record; a store that cannot take it does not take the change back.

    A command of root never makes the store, which the daemons could not write then.
    """
    try:
        folder = invocation.settings.store.path
    except ConfigError:  # `postfix disable` does not depend on them
        complain("done, but not in the audit: the settings are wrong: run bouncegate check-config")
        return
    if not os.path.lexists(folder / DATA):
        complain(f"done, but not in the audit: there is no store in {folder} yet")
        return
    audit = audit_of(command, int(time.time()), by=by, why=why, changed=changed)
    try:
        with closing(invocation.open_store()) as store:
            store.note(audit)
    except StoreError as error:
        complain(f"done, but not in the audit: {error}")
