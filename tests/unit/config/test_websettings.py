"""Settings of the page, the HTTP interface and events: what is refused, and what is noted."""

import pytest

from bouncegate.config.endpoints import InetSocket
from bouncegate.config.loading import loads
from bouncegate.config.notes import notes_on
from bouncegate.config.problems import ConfigError

ENDPOINT = '[[events.endpoint]]\nname = "a"\n'
LISTEN = "[[web.listen]]\n"


def test_the_sample_of_a_listener_and_an_endpoint_is_taken_as_meant() -> None:
    settings = loads(
        """
        [web]
        base_url = "https://bounces.example.com/"
        [web.roles]
        admin = ["group:mail-admins", "ann@example.com"]
        [[web.listen]]
        socket = "inet:[::1]:8025"
        [[events.endpoint]]
        name = "shop"
        url = "http://127.0.0.1:8080/hook?x=1"
        types = ["address.locked"]
        """
    )
    assert settings.web.base_url == "https://bounces.example.com"
    assert settings.web.listen[0].socket == InetSocket("::1", 8025)
    assert settings.web.listen[0].trust == "none"
    assert settings.web.roles.admin == ("group:mail-admins", "ann@example.com")
    assert settings.events.endpoint[0].url == "http://127.0.0.1:8080/hook?x=1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{LISTEN}socket = 'inet:127.0.0.1:80'\ntrust = 'proxy'", "f.toml:3: web.listen.1.trust"),
        (f"{LISTEN}socket = 'inet:127.0.0.1:80'\npeer_users = ['a']", "shows the user of its peer"),
        (f"{LISTEN}trust = 'all'", "write one of 'none', 'proxy'"),
        (f"{LISTEN}{LISTEN}", "f.toml:2: web.listen.2.socket: something else listens on it"),
        (f"{LISTEN}socket = 'unix:/run/bouncegate/map.sock'", "something else listens on it"),
        ("[web]\nsession = '0 days'\nidle = '0 days'", "web.session: must be positive"),
        ("[web]\nidle = '2 days'", "web.idle: must be positive, and at most session, 12 hours"),
        ("[web]\npublic_why = true", "set base_url"),
        ("[web]\nbase_url = 'bounces.example.com'", "invalid URL 'bounces.example.com': write"),
        ("[web]\nbase_url = 'https://a b'", "invalid URL"),
        ("[web.roles]\nadmin = ['group:']", "web.roles.admin: item 1: "),
        ("[api]\norigins = ['https://a.example/x']", "is no origin: write scheme and host alone"),
        ("[api]\nmax_batch = 0", "f.toml:2: api.max_batch: expected `int` >= 1"),
        ("[[events.endpoint]]\nurl = 'https://a.example'", "name is not set"),
        (f"{ENDPOINT}", "set url or spool, and not both"),
        (f"{ENDPOINT}url = 'https://a.example'\nspool = '/x'", "set url or spool, and not both"),
        (
            f"{ENDPOINT}url = 'http://a.example'",
            "events.endpoint.1.url: it would be sent in the clear",
        ),
        (f"{ENDPOINT}spool = '/x'\n{ENDPOINT}spool = '/y'", "is the name of an earlier endpoint"),
        (f"{ENDPOINT}spool = '/x'\nshape = 'listmonk'\nbatch = 2", "takes one event at a time"),
        (f"{ENDPOINT}spool = '/x'\nbatch = 2", "each event has a file of its own"),
        (f"{ENDPOINT}url = 'https://a.example:65536/x'", "has no port that there is"),
        (
            "".join(f"[[events.endpoint]]\nname = 'a{n}'\nspool = '/x'\n" for n in range(17)),
            "too many: at most 16",
        ),
        (f"{ENDPOINT}spool = '/x'\ntypes = ['address.lock']", "did you mean 'address.locked'?"),
    ],
)
def test_each_mistake_is_named_with_what_would_be_right(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.toml")
    assert complaint in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"{LISTEN}socket = 'inet:192.0.2.1:80'", "is reachable from outside and does no TLS"),
        (f"{LISTEN}trust = 'proxy'", "every local user who may connect to it can name any user"),
        (f"{LISTEN}", "[web.roles] is empty"),
        (f"{ENDPOINT}spool = '/x'", "gets nothing: set enabled = true"),
        ("[events]\nenabled = true", "events go nowhere"),
        (f"{ENDPOINT}url = 'https://a.example'", "nothing proves to it that events come from you"),
    ],
)
def test_what_is_allowed_but_perhaps_not_meant_is_noted(text: str, note: str) -> None:
    assert any(note in one for one in notes_on(loads(text)))
    assert not any(note in one for one in notes_on(loads("")))


def test_insecure_allows_http_to_another_machine() -> None:
    assert loads(f"{ENDPOINT}url = 'http://a.example'\ninsecure = true").events.endpoint


def test_the_url_of_an_endpoint_keeps_the_slash_at_its_end() -> None:
    """A receiver would redirect there, and a redirect is a failure."""
    settings = loads(f"{ENDPOINT}url = 'https://a.example/hook/'")
    assert settings.events.endpoint[0].url == "https://a.example/hook/"
