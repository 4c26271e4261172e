"""`POST /api/v1/hooks/{name}`: what sending services tell of bounces and complaints.

A service proves itself by the password of HTTP Basic, which it takes as part of the URL, or by its
signature; the answer is 200 only when everything is durable, so that the service tries again.
"""

import base64
import binascii
import hmac
import logging
from pathlib import Path
from typing import Final

from starlette.responses import Response

from bouncegate.config.websettings import HookSettings
from bouncegate.web.call import Call
from bouncegate.web.hooks.handover import NotTaken, hand_over, message_of
from bouncegate.web.hooks.services import SERVICES, events_of, is_signed_by, message_id_of
from bouncegate.web.problem import Problem
from bouncegate.web.routes import Route

_LOG: Final = logging.getLogger("bouncegate.web")
_LONGEST_SECRET: Final = 1000
_SUBSCRIPTION: Final = "SubscriptionConfirmation"


def receive(call: Call) -> Response:
    """Hand over the events of one call."""
    hook = _hook_of(call)
    _authenticate(call, hook)
    service = SERVICES[hook.service]
    if call.request.headers.get("x-amz-sns-message-type") == _SUBSCRIPTION:
        return _subscription(call, hook)
    try:
        events = list(events_of(call.body))
    except (ValueError, RecursionError) as error:
        raise Problem("request", f"no events: {error}") from None
    messages = [
        message_of(event, message_id_of(event, service), hook.service, call.now) for event in events
    ]
    settings = call.site.settings.return_path
    try:
        hand_over(messages, str(hook.recipient), settings.socket)
    except NotTaken as error:
        _LOG.error("hook=%s: the return path did not take its events: %s", hook.name, error)
        raise Problem("busy", headers={"retry-after": "30"}) from None
    return Response(status_code=200)


def _hook_of(call: Call) -> HookSettings:
    name = call.request.path_params["name"]
    for hook in call.site.settings.web.hook:
        if hook.name == name:
            return hook
    raise Problem("not-found")


def _authenticate(call: Call, hook: HookSettings) -> None:
    """Raise Problem unless the service knows the secret."""
    secret = _secret(hook.secret_file.path)
    if SERVICES[hook.service].is_signed:
        if is_signed_by(secret, call.body, call.now):
            return
    elif hmac.compare_digest(_password(call).encode(), secret.encode()):
        return
    _LOG.warning("hook failed name=%s client=%s", hook.name, call.client)
    raise Problem("unauthenticated", headers={"www-authenticate": 'Basic realm="hooks"'})


def _secret(path: Path | None) -> str:
    try:
        secret = "" if path is None else path.read_text("utf-8")[:_LONGEST_SECRET].strip()
    except (OSError, ValueError) as error:
        _LOG.error("hook: %s cannot be read: %s", path, error)
        secret = ""
    if not secret:
        raise Problem("busy", headers={"retry-after": "60"})
    return secret


def _password(call: Call) -> str:
    kind, _, text = call.request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _subscription(call: Call, hook: HookSettings) -> Response:
    """SNS asks whether its topic may write here: an administrator says so by opening the URL."""
    try:
        (event,) = events_of(call.body)
    except (ValueError, RecursionError) as error:
        raise Problem("request", f"no events: {error}") from None
    url = str(event.get("SubscribeURL", ""))[:_LONGEST_SECRET]
    _LOG.warning("hook=%s: to let SNS write here, open %s", hook.name, ascii(url))
    return Response(status_code=200)


ROUTES: Final = (Route("/v1/hooks/{name}", receive, ("POST",), public=True),)
