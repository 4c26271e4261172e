"""Corrections by a sheet: locked addresses are exported with their ids, corrected, and come back.

First everything is shown, old beside new, with faults by line; then what was shown is carried out.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists import corrections as correcting
from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.corrections import Correction, Fault
from bouncegate.admin.lists.csvfile import read_csv
from bouncegate.web import acts
from bouncegate.web.call import Call
from bouncegate.web.page.selection import asking, reason_in
from bouncegate.web.page.showing import back_with, show, words_for
from bouncegate.web.page.uploads import LARGEST, FileText, explained, text_of
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route


@dataclass(frozen=True)
class Preview:
    """What a sheet would do."""

    right: Sequence[Correction]
    faults: Sequence[Fault]
    unchanged: int


def ask(call: Call) -> Response:
    """The form."""
    return _page(call, FileText("", ""), None)


def preview(call: Call) -> Response:
    """What the sheet would do, or with `carry_out` the act."""
    form = call.form
    words, file = words_for(call), form.file("file")
    given = text_of(file, words) if file else FileText(form.one("sheet"), "")
    if not given.text.strip():
        raise Problem("request", words.text("Choose a file, or type in what is to be read."))
    found = _read(call, given.text)
    if not form.one("carry_out"):
        return _page(call, given, found, file.name if file else "")
    done = call.site.act_now(acts.correct, asking(call, reason_in(call)), found.right)
    return back_with("/corrections", "corrected", len(done.addresses))


def _page(call: Call, given: FileText, found: Preview | None, file: str = "") -> Response:
    return show(
        call,
        "corrections.html",
        "corrections",
        sheet=given.text,
        encoding=given.encoding,
        file=file,
        preview=found,
        largest=LARGEST,
    )


def _read(call: Call, sheet: str) -> Preview:
    """The corrections of a sheet with its columns `id` and `address`; raises Problem."""
    store, fold = call.site.store, call.site.settings.store.fold_local_part

    def read() -> correcting.Requested:
        rows = read_csv(io.BytesIO(sheet.encode()), "utf-8")
        return correcting.read_corrections(rows, Columns(), fold=fold)

    sought = explained(words_for(call), read)
    found = correcting.resolve(store, sought)
    sought.faults.extend(correcting.chained(found))
    asked = asking(call)
    for one in found:
        seen = correcting.as_seen(store, one, call.now)
        if fault := acts.fault_of(asked, seen):
            sought.faults.append(Fault(one.line, fault))
    bad = {fault.line for fault in sought.faults}
    right = [one for one in found if one.line not in bad]
    return Preview(right, sorted(sought.faults), sought.unchanged)


ROUTES: Final = (
    Route("/corrections", ask, right=Right.CORRECT, all_mail=True),
    Route("/corrections", preview, methods=("POST",), right=Right.CORRECT, all_mail=True),
)
