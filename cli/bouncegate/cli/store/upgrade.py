"""`store upgrade`: the store of an earlier version gets the layout of this one."""

import time

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.store.layout import LAYOUT


def upgrade(context: typer.Context, *, json: Json = False) -> None:
    """Upgrade the store of an earlier version.

    First stop all daemons of an earlier version, and of this one those that write: return-path and
    maintain. The milter and the map keep the locks meanwhile. A backup is made, and the work is
    done on a copy, which is verified and then replaces the store at once: if anything fails, the
    store is unchanged. The backup stays in the store's folder, as before-upgrade-...; the version
    that wrote the store can restore it. Locks stay as they are, even if the current policy would
    not have made them. A store that is up to date is left alone.

    Examples:

    bouncegate store upgrade
    """
    from bouncegate.store.tools import upgrade as upgrading  # noqa: PLC0415 - this command's alone

    finish_unread()
    invocation = invocation_of(context)
    settings = invocation.settings.store
    done = upgrading.upgrade(settings, invocation.policy.fold, int(time.time()))
    if json:
        write_json(
            {
                "path": str(settings.path),
                "before": done.before,
                "layout": LAYOUT,
                "backup": None if done.backup is None else str(done.backup),
                "other_policy": done.other_policy,
            }
        )
        return
    if done.backup is None:
        write_text(f"{settings.path}: has layout {LAYOUT} already: nothing to do")
        return
    write_text(f"{settings.path}: layout {done.before} before, {LAYOUT} now, verified")
    write_text(f"{done.backup}: the store from before; remove it when all is well")
    if done.other_policy:
        write_text(
            f"{counted(done.other_policy, 'address')} would be decided differently under the "
            "current policy, and not changed (`store verify --other-policy`)"
        )
