"""Settings of the page, the HTTP interface and events out.

`[web]`, `[api]`, `[events]`.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.config.values import FileName, HookUrl, Mailbox, WebUrl

Role = Literal["view", "operate", "admin"]
Shape = Literal["bouncegate", "cloudevents", "listmonk", "postmark", "sendgrid"]
EventType = Literal[
    "bounce.received",
    "complaint.received",
    "address.locked",
    "address.changed",
    "address.unlocked",
    "address.corrected",
    "address.purged",
    "delivery.refused",
    "incident.opened",
    "incident.settled",
    "sender.blamed",
    "unlock.requested",
    "unlock.decided",
]

Name = Annotated[str, Meta(pattern=r"^(?:group:)?[\w.@+-]{1,128}$")]
"""A user, or `group:NAME`, as the proxy or the local accounts name them."""
_SLUG: Final = r"^(?:[a-z0-9][a-z0-9-]{0,62})?$"


class ListenSettings(Struct, frozen=True):
    """`[[web.listen]]`: a socket, and whether what comes in by it names its user."""

    socket: Endpoint = UnixSocket(Path("/run/bouncegate-web/web.sock"))
    trust: Literal["none", "proxy"] = "none"
    peer_users: tuple[str, ...] = ()
    user_header: Literal["Remote-User", "X-Forwarded-User"] = "Remote-User"
    groups_header: Literal["", "Remote-Groups", "X-Forwarded-Groups"] = ""


class RoleSettings(Struct, frozen=True):
    """`[web.roles]`: who may do what; a role includes those before it."""

    view: tuple[Name, ...] = ()
    operate: tuple[Name, ...] = ()
    admin: tuple[Name, ...] = ()


class HookSettings(Struct, frozen=True):
    """`[[web.hook]]`: a sending service that tells of bounces by its webhook."""

    name: Annotated[str, Meta(pattern=_SLUG)] = ""
    service: Literal["ses", "sendgrid", "mailgun", "brevo", "postmark", "sparkpost"] = "ses"
    secret_file: FileName = FileName()
    """The password of HTTP Basic, or the key with which the service signs."""
    recipient: Mailbox = Mailbox("")
    """The return path to which its events are handed."""


class WebSettings(Struct, frozen=True):
    """`[web]`: the page."""

    listen: tuple[ListenSettings, ...] = ()
    base_url: WebUrl = WebUrl("")
    language: Literal["auto", "en", "de"] = "auto"
    four_eyes: Literal["none", "hard", "all"] = "none"
    session: Duration = Duration(seconds=12 * 3600)
    idle: Duration = Duration(seconds=3600)
    view_exports: bool = True
    public_why: bool = False
    mail_from: Mailbox = Mailbox("")
    roles: RoleSettings = RoleSettings()
    hook: tuple[HookSettings, ...] = ()


class ApiSettings(Struct, frozen=True):
    """`[api]`: the HTTP interface, on the sockets of the page."""

    enabled: bool = True
    max_batch: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    rate: Annotated[int, Meta(ge=1, le=10_000)] = 50
    origins: tuple[WebUrl, ...] = ()


class EndpointSettings(Struct, frozen=True):
    """`[[events.endpoint]]`: where events go; a URL or a folder."""

    name: Annotated[str, Meta(pattern=_SLUG)] = ""
    url: HookUrl = HookUrl("")
    spool: FileName = FileName()
    types: tuple[EventType, ...] = ()
    groups: tuple[str, ...] = ()
    shape: Shape = "bouncegate"
    secret_file: FileName = FileName()
    ordering: Literal["address", "strict"] = "address"
    batch: Annotated[int, Meta(ge=1, le=1000)] = 1
    wait: Duration = Duration(seconds=2)
    insecure: bool = False
    each: bool = False


class EventsSettings(Struct, frozen=True):
    """`[events]`: telling other programs what happens."""

    enabled: bool = False
    keep_dead: Duration = Duration(seconds=30 * 86_400)
    manage: Literal["file", "api"] = "file"
    endpoint: tuple[EndpointSettings, ...] = ()
