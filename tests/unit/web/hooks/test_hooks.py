"""Webhooks of sending services, through the real return path: proven, durable, or refused."""

import base64
import hashlib
import hmac
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.stores import store_settings
from tests.unit.classifier.test_return_path import Handler
from tests.websites import Answer, WebSite

from bouncegate.config.settings import LedgerSettings
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger

SECRET = "a long secret"
OURS = "<b0a1c2d3e4f5061728394a5b@mail.example.org>"
SERVICES = ("ses", "sendgrid", "mailgun", "brevo")
ADDRESS = "ann@example.com"


class Relay:
    """Return path and page of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "secret").write_text(f"{SECRET}\n")
        hooks = "".join(
            f'[[web.hook]]\nname = "{name}"\nservice = "{name}"\nsecret_file = "{folder}/secret"\n'
            'recipient = "bounces@example.org"\n'
            for name in SERVICES
        )
        self.site = WebSite(
            folder,
            f'{hooks}[return_path]\nsocket = "unix:{folder}/r.sock"\ncount = ["matched"]\n'
            '[ledger]\nenabled = true\nmax_size = "16 MiB"\n[dns]\nenabled = false\n',
        )
        ledger = Ledger.open(store_settings(folder / "store"), LedgerSettings(), readonly=False)
        now = int(time.time()) - 60
        sent = Sent(now, b"8octets!", "news@example.org", (ADDRESS,), "Q1", OURS)
        ledger.write([entry_of(sent)])
        ledger.close()

    def post(self, name: str, event: Any, password: str = SECRET) -> Answer:
        credentials = base64.b64encode(f"bouncegate:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        body = msgspec.json.encode(event)
        return self.site.ask("POST", f"/api/v1/hooks/{name}", headers, body)

    def show(self, address: str = ADDRESS) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.site.command("show", "--json", address))
        return found


class RelayHandler(Handler):
    """The return path of a relay's config file, as it stands."""

    def __init__(self, relay: Relay) -> None:
        self.folder, self.config = relay.folder, relay.site.config
        self.socket = relay.folder / "r.sock"
        self.start()

    def launch(self) -> None:
        self.folder.joinpath("log").touch()
        super().launch()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    relay.site.log = tmp_path / "web.log"
    handler = RelayHandler(relay)
    with relay.site.serving():
        yield relay
    handler.stop(signal.SIGKILL)


def _mailgun(event: dict[str, Any]) -> dict[str, Any]:
    timestamp, token = str(int(time.time())), "t" * 50
    digest = hmac.new(SECRET.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": timestamp, "token": token, "signature": digest},
        "event-data": event,
    }


def _bounce(service: str, message_id: str = OURS) -> Any:
    reply = "550 5.1.1 no such user here"
    if service == "sendgrid":
        return [
            {
                "email": ADDRESS,
                "event": "bounce",
                "type": "bounce",
                "sg_event_id": "1",
                "reason": reply,
                "status": "5.1.1",
                "smtp-id": message_id,
            }
        ]
    if service == "mailgun":
        return _mailgun(
            {
                "event": "failed",
                "severity": "permanent",
                "recipient": ADDRESS,
                "delivery-status": {"message": reply, "code": 550},
                "message": {"headers": {"message-id": message_id.strip("<>")}},
            }
        )
    if service == "brevo":
        return {
            "event": "hard_bounce",
            "email": ADDRESS,
            "message-id": message_id,
            "reason": reply,
        }
    bounced = {"emailAddress": ADDRESS, "action": "failed", "status": "5.1.1"}
    event = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{**bounced, "diagnosticCode": f"smtp; {reply}"}],
        },
        "mail": {"commonHeaders": {"messageId": message_id}},
    }
    return {"Type": "Notification", "Message": msgspec.json.encode(event).decode()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_bounce_that_the_ledger_proves_locks(relay: Relay, service: str) -> None:
    assert relay.post(service, _bounce(service)).status == 200
    found = relay.show()
    assert (found["locked"], found["reason"], found["kind"]) == (True, "user-unknown", "hard")


@pytest.mark.parametrize("service", SERVICES)
def test_a_bounce_of_a_message_that_is_not_ours_locks_nobody(relay: Relay, service: str) -> None:
    answer = relay.post(service, _bounce(service, "<another@mail.example.org>"))
    assert answer.status == 200
    found = relay.show()
    assert (found["locked"], found["state"]) == (False, "bounced")


@pytest.mark.parametrize("service", SERVICES)
def test_a_call_without_the_secret_is_refused(relay: Relay, service: str) -> None:
    event = _bounce(service)
    if service == "mailgun":
        event["signature"]["token"] = "another"
    assert relay.post(service, event, password="guessed").status == 401
    assert relay.show()["state"] == "unknown"


def test_an_old_signature_is_refused(relay: Relay) -> None:
    event = _bounce("mailgun")
    event["signature"]["timestamp"] = str(int(time.time()) - 3600)
    assert relay.post("mailgun", event).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"3", b'{"signature": 3}', b"[" * 5000])
def test_what_is_no_event_is_an_error_of_the_caller(relay: Relay, body: bytes) -> None:
    credentials = base64.b64encode(f"x:{SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    answer = relay.site.ask("POST", "/api/v1/hooks/brevo", headers, body)
    assert answer.status in {200, 400}
    assert relay.show()["state"] == "unknown"


def test_a_service_tries_again_while_the_return_path_is_down(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.site.log = tmp_path / "web.log"
    with relay.site.serving():
        answer = relay.post("brevo", _bounce("brevo"))
        assert (answer.status, answer.header("retry-after")) == (503, "30")
        handler = RelayHandler(relay)
        assert relay.post("brevo", _bounce("brevo")).status == 200
        handler.stop(signal.SIGKILL)
    assert relay.show()["locked"] is True


def test_the_same_event_twice_counts_once(relay: Relay) -> None:
    for _ in range(2):
        assert relay.post("sendgrid", _bounce("sendgrid")).status == 200
    assert relay.show()["hard"] == 1


def test_a_subscription_is_told_to_the_administrator(relay: Relay) -> None:
    credentials = base64.b64encode(f"x:{SECRET}".encode()).decode()
    headers = {
        "Authorization": f"Basic {credentials}",
        "x-amz-sns-message-type": "SubscriptionConfirmation",
    }
    body = b'{"SubscribeURL": "https://sns.example/?Token=1", "Message": "You chose"}'
    assert relay.site.ask("POST", "/api/v1/hooks/ses", headers, body).status in {200, 400}
    assert "https://sns.example/?Token=1" in relay.site.logged()
