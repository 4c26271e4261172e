"""What `web account` and `web token` have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.store.errors import StoreMissing

if TYPE_CHECKING:
    from bouncegate.web.access.environment import AccessEnvironment

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the account.")]
Groups = Annotated[
    list[str] | None,
    typer.Option(metavar="GROUP", help="Only for this recipient group; may be repeated."),
]


class RoleName(StrEnum):
    """The roles, as options take them."""

    VIEW = "view"
    OPERATE = "operate"
    ADMIN = "admin"


@contextmanager
def opened(context: typer.Context, *, create: bool = True) -> Iterator["AccessEnvironment | None"]:
    """The environment; None where there is none yet and none is made. Raises StoreError."""
    from bouncegate.web.access.environment import open_access  # noqa: PLC0415 - these commands' alone

    settings = invocation_of(context).settings
    try:
        environment = open_access(settings.store, create=create)
    except StoreMissing:
        yield None
        return
    try:
        yield environment
    finally:
        environment.close()


@contextmanager
def refused_softly() -> Iterator[None]:
    """What cannot be done is said as a wrong argument is."""
    from bouncegate.web.access.accounts import AccountError  # noqa: PLC0415
    from bouncegate.web.access.tokens import TokenError  # noqa: PLC0415

    try:
        yield
    except (AccountError, TokenError) as error:
        raise typer.BadParameter(str(error)) from None
