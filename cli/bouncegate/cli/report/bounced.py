"""Who bounced: each bounce of a mailing by itself, each address of a group once."""

from collections.abc import Iterable

from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.views.bounced import BouncedView, MemberView
from bouncegate.cli.output import write_views

View = BouncedView | MemberView
_IN_TABLE = (
    "address", "group", "time", "last", "kind", "category", "detail", "bounces", "status",
    "diagnostic",
)  # fmt: skip
_LONGEST = 80


def write(
    views: Iterable[View], form: type[View], *, json: bool, csv: bool, dialect: Dialect
) -> None:
    """Write them as they come: JSON lines, CSV, or a table."""
    fields = form.__struct_fields__
    columns = [name for name in _IN_TABLE if name in fields]
    write_views(
        views, columns, json=json, csv=fields if csv else (), longest=_LONGEST, dialect=dialect
    )
