"""`correct`: replaces a mistyped address with the right one, whose counts start again."""

import os
import time
from contextlib import closing
from typing import Annotated

import typer

from bouncegate.admin.lists.corrections import Correction, acts_of, as_seen, fault_of, is_done
from bouncegate.admin.lists.syntax import fault_of_canonical
from bouncegate.cli.acts import force_rule_of
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, Why
from bouncegate.cli.output import complain
from bouncegate.cli.sentences import write_text
from bouncegate.store.address import AddressError, canonical


def correct(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The mistyped address.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The right address.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also when the new address is hard-locked.")
    ] = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Replace a mistyped address with the right one.

    The right address is unlocked, and its counts start again. The mistyped one keeps its history.

    Examples:

    bouncegate correct ann@gmial.com ann@gmail.com
    """
    invocation = invocation_of(context)
    now, fold = int(time.time()), invocation.settings.store.fold_local_part
    correction = Correction(canonical(old, fold=fold), canonical(new, fold=fold))
    if fault := fault_of_canonical(correction.new):
        raise AddressError(f"{correction.new}: {fault}")
    with closing(invocation.open_store()) as store:
        if is_done(store, correction):
            write_text(f"{correction.old}: already corrected to {correction.new}")
            return
        rule = force_rule_of(invocation, store, now)
        correction = as_seen(store, correction, now)
        if fault := fault_of(store, correction, now, rule, force=force):
            complain(f"{fault}: nothing was corrected")
            raise typer.Exit(os.EX_NOPERM)
        audit = audit_of("correct", now, by=by, why=why, targets=correction[:2])
        acts = acts_of([correction], now, by, why)
        if store.act(acts, invocation.policy.fold, audit=audit).left_out:
            complain(f"{correction.new}: its locks changed meanwhile: nothing was corrected")
            raise typer.Exit(os.EX_TEMPFAIL)
    write_text(f"{correction.old}: corrected to {correction.new}")
