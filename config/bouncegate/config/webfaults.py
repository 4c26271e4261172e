"""What is wrong between the keys of `[web]`, `[api]` and `[events]`, and what may not be meant."""

from collections.abc import Collection, Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from bouncegate.config.endpoints import Endpoint, InetSocket
from bouncegate.config.values import HookUrl
from bouncegate.config.websettings import (
    ApiSettings,
    EndpointSettings,
    EventsSettings,
    ListenSettings,
    WebSettings,
)

MOST_ENDPOINTS: Final = 16
"""What waits for them, and what is dead, must fit into the map of their environment."""

_LOCAL_NAMES: Final = ("localhost", "localhost.localdomain")


def web_faults(web: WebSettings, taken: Collection[Endpoint]) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys of `[web]`; `taken`: the sockets of the daemons."""
    seen = set(taken)
    for number, listen in enumerate(web.listen, 1):
        here = f"web.listen.{number}"
        if listen.socket in seen:
            yield f"{here}.socket", "something else listens on it: give each its own socket"
        seen.add(listen.socket)
        yield from ((f"{here}.{key}", text) for key, text in _faults_of_listen(listen))
    if not web.session.after(0):
        yield "web.session", 'must be positive: write "12 hours", for example'
    if not 0 < web.idle.after(0) <= web.session.after(0):
        yield "web.idle", f"must be positive, and at most session, {web.session}"
    yield from _faults_of_hooks(web)
    if web.public_why and not web.base_url:
        yield "web.public_why", "replies need a URL to point to: set base_url"


def _faults_of_hooks(web: WebSettings) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, hook in enumerate(web.hook, 1):
        here = f"web.hook.{number}"
        if not hook.name:
            yield here, 'name is not set: write one such as "ses"; it ends the URL of the webhook'
        elif hook.name in seen:
            yield f"{here}.name", f"{hook.name} is the name of an earlier hook already"
        seen.add(hook.name)
        if hook.secret_file.path is None:
            yield f"{here}.secret_file", "a hook without a secret takes what anybody sends: set it"
        if not hook.recipient:
            text = "set a return path, one of [return_path] mailboxes where all senders are signed"
            yield f"{here}.recipient", text


def _faults_of_listen(listen: ListenSettings) -> Iterator[tuple[str, str]]:
    if not isinstance(listen.socket, InetSocket):
        return
    if listen.trust == "proxy":
        yield (
            "trust",
            ('anyone who reaches a TCP socket could name any user: use a "unix:" socket'),
        )
    if listen.peer_users:
        yield "peer_users", 'only a "unix:" socket shows the user of its peer'


def api_faults(api: ApiSettings) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys of `[api]`."""
    for origin in api.origins:
        parts = urlsplit(origin)
        if origin != f"{parts.scheme}://{parts.netloc}":
            text = f'{origin} is no origin: write scheme and host alone, "https://www.example.com"'
            yield "api.origins", text


def events_faults(events: EventsSettings) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys of `[events]`."""
    if len(events.endpoint) > MOST_ENDPOINTS:
        yield "events.endpoint", f"too many: at most {MOST_ENDPOINTS}"
    seen: set[str] = set()
    for number, endpoint in enumerate(events.endpoint, 1):
        here = f"events.endpoint.{number}"
        if not endpoint.name:
            yield here, 'name is not set: write one such as "newsletter"'
        elif endpoint.name in seen:
            yield f"{here}.name", f"{endpoint.name} is the name of an earlier endpoint already"
        seen.add(endpoint.name)
        if bool(endpoint.url) == (endpoint.spool.path is not None):
            yield here, "set url or spool, and not both"
        yield from ((f"{here}.{key}", text) for key, text in _faults_of_endpoint(endpoint))


def _faults_of_endpoint(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    if is_unencrypted(endpoint.url) and not endpoint.insecure:
        text = "it would be sent in the clear: write https://, or set insecure = true"
        yield "url", text
    if endpoint.url and not _has_port(endpoint.url):
        yield "url", f"{endpoint.url} has no port that there is: write 1 to 65535"
    if endpoint.batch > 1 and endpoint.shape not in ("bouncegate", "cloudevents"):
        yield "batch", f'the shape "{endpoint.shape}" takes one event at a time: remove batch'
    elif endpoint.batch > 1 and endpoint.spool.path is not None:
        yield "batch", "in a folder each event has a file of its own: remove batch"


def _has_port(url: HookUrl) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def is_unencrypted(url: HookUrl) -> bool:
    """Whether what is sent there leaves this machine in the clear."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


def notes_on_events(events: EventsSettings) -> Iterator[str]:
    """What is allowed, and perhaps not meant."""
    if events.endpoint and not events.enabled:
        yield "[[events.endpoint]] gets nothing: set enabled = true in [events]"
    if events.enabled and not events.endpoint:
        yield "[events] enabled = true, but events go nowhere: name an [[events.endpoint]]"
    for endpoint in events.endpoint:
        if endpoint.url and endpoint.secret_file.path is None:
            yield (
                f"[[events.endpoint]] {endpoint.name}: nothing proves to it that events come from "
                "you: set secret_file"
            )


def notes_on_web(web: WebSettings) -> Iterator[str]:
    """What is allowed, and perhaps not meant."""
    for listen in web.listen:
        socket = listen.socket
        if isinstance(socket, InetSocket):
            if not _is_loopback(socket.host):
                yield (
                    f"[[web.listen]] {socket} is reachable from outside and does no TLS: passwords "
                    "cross the network in the clear unless a proxy in front encrypts"
                )
        elif listen.trust == "proxy" and not listen.peer_users:
            yield (
                f"[[web.listen]] {socket}: every local user who may connect to it can name any "
                'user of the page: set peer_users = ["www-data"], the user of the proxy'
            )
    roles = web.roles
    if web.listen and not (roles.view or roles.operate or roles.admin):
        yield "[web.roles] is empty: only local accounts see the page"
