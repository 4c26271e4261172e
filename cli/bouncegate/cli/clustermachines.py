"""`cluster join`, `leave`, `status`, `verify`, `adopt`, `forget`: a machine and its cluster."""

import os
import time
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.views.values import iso
from bouncegate.cli.clusteraccess import complaining, reach, require_cluster
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, Json, Why, Yes
from bouncegate.cli.output import complain, write_json, write_views
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.policy.rules import Rules
from bouncegate.store.membership import Membership
from bouncegate.store.store import Store

_COLUMNS: Final = ("name", "position", "behind", "seen", "skew", "version")
# A machine announces itself every ten seconds.
_SILENT: Final = 60


class MachineView(Struct):
    """One machine of the cluster, as it announced itself last; times in UTC, ISO 8601."""

    name: str
    position: int
    behind: int
    """How many entries of the log it has yet to apply."""
    seen: str | None
    """None: it never announced itself, or it left."""
    skew: float
    """By how many seconds its clock is before the database's."""
    version: str
    silent: bool
    """Whether it takes part and was not heard of for a minute."""


class ClusterView(Struct):
    """The cluster as this machine sees it."""

    name: str
    position: int
    head: int
    """The last position of the log."""
    behind: int
    waiting: int
    """Changes of this machine that the log has not ordered yet."""
    rules: str
    """The name of the rules in force; empty: none are yet."""
    own_rules: str
    """The name of those that this machine's configuration makes."""
    machines: list[MachineView]


def join(context: typer.Context) -> None:
    """Let this machine take part in the cluster.

    Stop the daemons first. The first machine brings its store with it. Every other one begins with
    a backup of a machine of the cluster: run "bouncegate store restore" with it before. An empty
    store will do where the first machine's was.

    Examples:

    bouncegate cluster join
    """
    from bouncegate.cluster.joining import join as joined  # noqa: PLC0415 - needs cryptography

    finish_unread()
    invocation = _invocation(context)
    settings = invocation.settings
    rules = Rules.of(settings)
    with complaining(), reach(settings) as cluster:
        name = settings.cluster.name
        done = joined(settings.store, name, cluster, rules, invocation.policy.fold)
    if done.taken_out:
        taken = counted(done.taken_out, "address")
        write_text(f"what waited in the copied store for the log was taken out: {taken}")
    behind = counted(done.behind, "entry")
    first = ", the first machine" if done.is_first else ""
    write_text(
        f"{settings.cluster.name} is in the cluster{first}, {behind} behind: start "
        "bouncegate-cluster, then the other daemons"
    )


def leave(context: typer.Context, *, yes: Yes = False) -> None:
    """Let this machine go on by itself, with all that it knows.

    Stop the daemons first, bouncegate-cluster last.

    Examples:

    bouncegate cluster leave
    """
    from bouncegate.cluster.joining import leave as left  # noqa: PLC0415 - needs cryptography

    finish_unread()
    settings = _invocation(context).settings
    require_consent("Leave the cluster?", "this machine stays in the cluster", yes=yes)
    with complaining(), reach(settings) as cluster:
        left(settings.store, cluster.registry)
    write_text(f"{settings.cluster.name} has left the cluster: start the daemons")


def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the machine.")],
    *,
    yes: Yes = False,
) -> None:
    """Wait no longer for a machine that is gone.

    Entries are kept for a machine that takes part until it has applied them, for as long as
    [cluster] keep says. One that was forgotten and comes back takes part again.

    Examples:

    bouncegate cluster forget mx3
    """
    finish_unread()
    settings = _invocation(context).settings
    require_consent(f"Forget {name}?", f"{name} is waited for", yes=yes)
    with complaining(), reach(settings) as cluster:
        known = cluster.registry.leave(name)
    if not known:
        complain(f"no machine {name} takes part")
        raise typer.Exit(os.EX_DATAERR)
    write_text(f"{name} is forgotten")


def status(context: typer.Context, *, json: Json = False) -> None:
    """Show the machines of the cluster, and how far each is.

    Exit code 69 if a machine that takes part was not heard of for a minute.

    Examples:

    bouncegate cluster status
    """
    invocation = _invocation(context)
    settings = invocation.settings
    with (
        complaining(),
        reach(settings) as cluster,
        closing(Store.open(settings.store, readonly=True)) as store,
    ):
        membership = _membership(store)
        head, found = cluster.log.head().position, cluster.registry.machines()
        in_force = store.rules.get()
        now = time.time()
        positions = {one.node: one.position for one in found}
        positions[membership.name] = membership.position  # what it announced is some seconds old
        machines = [
            MachineView(
                name=one.node,
                position=positions[one.node],
                behind=head - positions[one.node],
                seen=iso(one.seen // 1000) if one.seen else None,
                skew=one.skew / 1000,
                version=one.version,
                silent=bool(one.seen) and now - one.seen / 1000 > _SILENT,
            )
            for one in found
        ]
        view = ClusterView(
            name=membership.name,
            position=membership.position,
            head=head,
            behind=head - membership.position,
            waiting=store.outbox.count(),
            rules=in_force.name if in_force is not None else "",
            own_rules=Rules.of(settings).name,
            machines=machines,
        )
    if json:
        write_json(view)
    else:
        write_views(view.machines, _COLUMNS, json=False)
        _tell(view)
    if any(one.silent for one in view.machines):
        raise typer.Exit(os.EX_UNAVAILABLE)


def _tell(view: ClusterView) -> None:
    """What a person should know beside the table."""
    behind = counted(view.behind, "entry")
    waiting = counted(view.waiting, "change")
    write_text(f"{view.name}: {behind} behind, {waiting} not in the log yet")
    if view.rules != view.own_rules:
        write_text(
            f"the rules of this configuration ({view.own_rules}) are not in force, those of the "
            f'cluster are ({view.rules or "none yet"}): see "bouncegate cluster adopt --help"'
        )
    for one in view.machines:
        if one.silent:
            write_text(f"{one.name} was last heard of at {one.seen}")


def verify(context: typer.Context) -> None:
    """Check that the log still tells what was applied here.

    And that the key of this machine opens it. Exit code 65 if it does not.

    Examples:

    bouncegate cluster verify
    """
    from bouncegate.cluster import chain  # noqa: PLC0415 - needs cryptography
    from bouncegate.cluster.errors import EngineForked  # noqa: PLC0415

    settings = _invocation(context).settings
    with (
        complaining(),
        reach(settings) as cluster,
        closing(Store.open(settings.store, readonly=True)) as store,
    ):
        membership = _membership(store)
        try:
            chain.verify(cluster.log, membership.position, membership.chain)
        except EngineForked as error:
            complain(str(error))
            raise typer.Exit(os.EX_DATAERR) from None
        for row in cluster.log.read(max(membership.position - 1, 0), 1):
            cluster.sealer.open_entry(row.node, row.seq, row.body)
    write_text(f"the log tells what this machine has applied, up to position {membership.position}")


def adopt(context: typer.Context, *, yes: Yes = False, why: Why = "", by: By = "") -> None:
    """Put the rules of this configuration into force everywhere.

    Those of [policy], [guard], [alarm], [retention], [return_path] count and [[provider]]. They
    hold from here on; what came before stays as it was counted.

    Examples:

    bouncegate cluster adopt --why "lock after two soft bounces"
    """
    from bouncegate.store.change import RulesChange  # noqa: PLC0415 - for this command only

    finish_unread()
    invocation = _invocation(context)
    rules = Rules.of(invocation.settings)
    with complaining(), closing(invocation.open_store()) as store:
        _membership(store)
        in_force = store.rules.get()
        if in_force is not None and in_force.name == rules.name:
            write_text(f"the rules of this configuration ({rules.name}) are in force")
            return
        require_consent(
            f"Put the rules {rules.name} into force on all machines?",
            "the rules stay as they are",
            yes=yes,
        )
        now = int(time.time())
        audit = audit_of("cluster adopt", now, by=by, why=why, changed=f"rules {rules.name}")
        store.propose(RulesChange(rules, audit))
    write_text(f"the rules {rules.name} are in force once the log has ordered them")


def _invocation(context: typer.Context) -> Invocation:
    invocation = invocation_of(context)
    require_cluster(invocation.settings)
    return invocation


def _membership(store: Store) -> Membership:
    if store.membership is None:
        complain("this store is in no cluster yet: run `bouncegate cluster join`")
        raise typer.Exit(os.EX_CONFIG)
    return store.membership
