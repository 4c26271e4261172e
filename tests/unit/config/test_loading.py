"""A config file that is wrong must say so wholly, and where; a right one must be taken as meant."""

import re
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import fields

from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import InetSocket
from bouncegate.config.loading import load, loads
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings
from bouncegate.config.values import AddressPattern, Size, Terms

GROUP = "[[reply.groups]]\nsender_domains = ['news.example']"


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.toml")
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_file_is_the_defaults() -> None:
    assert loads("") == Settings()


def test_the_sample_documents_every_key_with_its_default() -> None:
    sample = files("bouncegate.config").joinpath("bouncegate.toml").read_text("utf-8")
    live = re.sub(r"(?m)^# (\w+ = )", r"\1", sample)
    assert loads(live) == Settings()
    for section in fields(Settings):
        defaults = getattr(Settings(), section.name)
        if isinstance(defaults, tuple):  # an array of tables, which has no default
            continue
        for field in fields(defaults):
            assert re.search(
                rf"(?m)^(# {field.name} = |(# \[)?\[{section.name}\.{field.name}\])", sample
            ), f"{section.name}.{field.name} is missing from the sample"


def test_keys_of_an_earlier_version_are_ignored_with_what_to_do() -> None:
    """An upgrade must not stop a daemon."""
    settings = loads('[local]\njudge = true\nnotices_an_hour = "x"\nserver = "inet:127.0.0.1:2525"')
    assert settings.local.server == InetSocket("127.0.0.1", 2525)
    judge, notices = settings.removed
    assert judge.startswith("[local] judge is ignored: ")
    assert 'run "bouncegate postfix enable --map"' in judge
    assert notices.startswith("[local] notices_an_hour is ignored: ")
    assert problems_of("removed = []")[0].startswith("f.toml:1: removed: unknown key")


def test_a_file_is_taken_as_meant() -> None:
    settings = loads(
        """
        [store]
        map_size = "1 GiB"
        [milter]
        socket = "inet:127.0.0.1:8892"
        [outbound]
        networks = ["10.0.0.0/8"]
        [exempt]
        recipients = ["@example.com"]
        [policy.soft]
        failures = 5
        """
    )
    assert settings.store.map_size == Size(2**30)
    assert settings.milter.socket == InetSocket("127.0.0.1", 8892)
    assert settings.outbound.networks == (ip_network("10.0.0.0/8"),)
    assert settings.exempt.recipients == (AddressPattern("", "example.com"),)
    assert settings.policy.soft.failures == 5
    month = Terms((Duration(months=1),))
    assert settings.policy.soft.lock == month, "what is not set keeps its default"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[milter]\nworker = 2", "f.toml:2: milter.worker: unknown key: did you mean 'workers'?"),
        ("[milters]\n", "f.toml:1: milters: unknown key: did you mean 'milter'?"),
        ("[milter]\nworkers = 'two'", "f.toml:2: milter.workers: expected `int`, got `str`"),
        ("[milter]\nworkers = 65", "f.toml:2: milter.workers: expected `int` <= 64"),
        ("[milter]\nmode = 'off'", "write one of 'enforce', 'observe'"),
        ("milter = 3", "f.toml:1: milter: expected a section, got 3: write [milter]"),
        ("[milter]\nsocket = 'milter.sock'", 'write "unix:/run/bouncegate/milter.sock" or'),
        ("[milter]\nsocket = 'inet:localhost:80'", "invalid IP address 'localhost'"),
        (f"[milter]\nsocket = 'unix:/{'x' * 108}'", "at most 107 octets"),
        ("[policy.hard]\nlock = '1 jear'", "unknown unit 'jear': write a number and a unit"),
        ("[policy.hard]\nlock = 7", "expected a string, got 7: write a duration"),
        ("[outbound]\nnetworks = '::1'", "expected a list, got '::1': write it in square brackets"),
        ("[outbound]\nnetworks = ['10.0.0.1/8']", "item 1: '10.0.0.1/8' has host bits set: "),
        ("[outbound]\nnetworks = ['10.0.0/8']", "item 1: invalid network '10.0.0/8'"),
        ("[exempt]\nsenders = ['ann']", "item 1: invalid address pattern 'ann'"),
        ("[reply]\ntext = 'no {recipe}'", "unknown field {recipe} in a reply: use the fields"),
        ("[reply]\ntext = 'no {'", "invalid template"),
        ("[reply]\ntext = \"a\\r\\nb\"", "one line of printable ASCII"),
        ("[reply]\ntext = '{url}'", "f.toml:2: reply.text: the text uses {url}, but"),
        ("[reply]\nurl = 'ftp://x'", "'ftp://x' is no URL: write one such as"),
        ("[reply]\nurl = 'https://x.test/a b'", "without blanks"),
        ("[reply]\nurl = 'https://x.test/{recipient}'", "unknown field {recipient} in a URL: use"),
        (f"[reply]\ntext = '{'x' * 500}'", "1 to 474 characters"),
        (f"[reply]\ntext = '{'x' * 462} {{reason}}'", "the reply may have 48"),
        (f"[reply]\nurl = 'https://x.test/{'x' * 480}'\ntext = '{{url}}'", "shorten the text"),
        ("[reply]\ntag = 'X Locked'", "invalid header field name 'X Locked'"),
        ("[reply]\naction = 'drop'", "write one of 'refuse', 'defer', 'discard', 'tag'"),
        ("[reply]\naction = 'defer'\ncode = 554", "f.toml:3: reply.code: 554 is permanent"),
        ("[[reply.groups]]\ntext = 'x'", "f.toml:1: reply.groups.1: sender_domains is empty"),
        (f"{GROUP}\n", "f.toml:1: reply.groups.1: sets neither text nor url"),
        (f"{GROUP}\ntext='a'\n{GROUP}\ntext='b'", "f.toml:5: reply.groups.2.sender_domains: news"),
        (f"{GROUP}\ntext='{{url}}'", "f.toml:3: reply.groups.1.text: the text uses {url}"),
        (f"{GROUP}\ntexts='a'", "f.toml:3: reply.groups.1.texts: unknown key: did you mean"),
        ("[reply]\ngroups = ['a']", "item 1: expected a section, got 'a': write [reply.groups.1]"),
        ("[reply]\nstatus = '6.1.1'", "invalid status code"),
        ('[reply]\ncode = 450\nstatus = "5.1.1"', "reply.status: 5.1.1 and code 450 must"),
        ("[store]\npath = 'store'", "write an absolute one"),
        ("[store]\nmap_size = '64 GB'", "invalid size"),
        ("[return_path]\nsocket = 'unix:/run/bouncegate/milter.sock'", "the milter listens on it"),
        ("[map]\nsocket = 'unix:/run/bouncegate/milter.sock'", "another daemon listens on it"),
        ("[maillog]\nsource = 'file'", "f.toml:2: maillog.source: log lines are matched"),
        ("[maillog]\nsource = 'syslog'", "write one of 'none', 'file', 'journal'"),
        ("[alive]\nmethods = ['arc']", "write one of 'dmarc', 'dkim', 'spf'"),
        ("[map]\nreturn_to_sender = true", "no sender is signed: set domain in [return_path]"),
        ("[dns]\nresolvers = ['ns.example.com']", "item 1: invalid name server 'ns.example.com': "),
        ("[dns]\nresolvers = ['::1', '127.0.0.1:0']", "item 2: invalid name server '127.0.0.1:0'"),
        ("[[provider]]\nname = 'My Mail'\nmx = ['a.test']", "invalid provider name 'My Mail'"),
        ("[[provider]]\nname = 'mine'", "f.toml:1: provider.1: empty provider: set domains"),
        ("[[provider]]\nname = 'm'\ndomains = ['a']", "domains: item 1: invalid domain name 'a'"),
        ("[[provider]]\nname = 'm'\nmx = ['a.b', '']", "provider.1.mx: empty end of an MX host"),
        ("[[policy.row]]\nprovider = 'gogle'\nlock = 'never'", "did you mean 'google'?"),
        ("[[policy.row]]\nprovider = 'web.de'\nlock = 'never'", "is run by 'gmx': write that name"),
        ("[[policy.row]]\nprovider = 'xyz'\nlock = 'never'", "add a [[provider]] table for it"),
        ("[dns]\nconfirm = '0 days'", "otherwise one DNS answer would lock a domain"),
        ("[domain_locks]\nwindow = '0 days'", "must be positive"),
        ("[domain_locks]\nlock = '10 days'", "a quarter of lock, 10 days"),
        ("[domain_locks]\nrecheck = '0 days'", "recheck: must be at most a quarter of lock"),
        ("[milter", "invalid TOML"),
        ("[milter]\nworkers = 1\nworkers = 2", "f.toml:3: invalid TOML"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place_and_what_would_be_right(
    text: str, complaint: str
) -> None:
    (problem,) = problems_of(text)
    assert complaint in problem


def test_all_mistakes_of_a_file_are_shown_at_once_in_the_order_of_its_lines() -> None:
    problems = problems_of("[log]\nto = 'x'\n[milter]\nmode = 'x'\nfoo = 1\n[store]\nmap_size = -1")
    assert [problem.split(":")[1] for problem in problems] == ["2", "4", "5", "7"]


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    for make in (lambda p: None, lambda p: p.mkdir(), lambda p: p.write_bytes(b"\xff = 1")):
        path = tmp_path / "bouncegate.toml"
        make(path)
        with pytest.raises(ConfigError, match=str(path)):
            load(path)
        if path.is_dir():
            path.rmdir()


def test_a_domain_or_server_of_two_providers_is_refused_at_both_places_at_once() -> None:
    problems = problems_of(
        """
[[provider]]
name = "one"
domains = ["a.test"]
mx = ["mx.test"]
[[provider]]
name = "two"
domains = ["b.test", "a.test"]
mx = ["mx.test"]
[[provider]]
name = "Three"
"""
    )
    assert problems == [
        "f.toml:8: provider.2.domains: a.test is listed for 'one' already: remove one of them",
        "f.toml:9: provider.2.mx: mx.test is listed for 'one' already: remove one of them",
        (
            "f.toml:10: provider.3: empty provider: set domains, or the ends of its MX host names "
            "in mx"
        ),
        (
            "f.toml:11: provider.3.name: invalid provider name 'Three': write letters in lower "
            'case, digits, dots and hyphens, such as "example-mail"'
        ),
    ]


def test_providers_resolvers_and_rows_for_them_are_taken_as_meant() -> None:
    settings = loads(
        """
        [dns]
        resolvers = ["127.0.0.1", "::1", "127.0.0.2:5353", "[::1]:5353"]
        [[provider]]
        name = "mine"
        domains = ["Example.COM"]
        [[provider]]
        name = "mine"
        mx = ["mx.example.org"]
        [[policy.row]]
        provider = ["mine", "google", "example.org"]
        lock = "never"
        """
    )
    assert [str(it) for it in settings.dns.resolvers] == [
        "127.0.0.1", "::1", "127.0.0.2:5353", "[::1]:5353",
    ]  # fmt: skip
    assert [(p.name, p.domains, p.mx) for p in settings.provider] == [
        ("mine", ("example.com",), ()),
        ("mine", (), ("mx.example.org",)),
    ]


@pytest.mark.parametrize("mailbox", ["postmaster", "ann@example.com", "ann+abuse@mail.example.com"])
def test_postmaster_is_a_mailbox_elsewhere(mailbox: str) -> None:
    text = f'[return_path]\ndomain = "return.example.com"\npostmaster = "{mailbox}"\n'
    assert loads(text).return_path.postmaster == mailbox


@pytest.mark.parametrize(
    ("mailbox", "why"),
    [
        ("ann@return.example.com", "would loop"),
        ("ann@Return.Example.com", "would loop"),
        ("", "must not be empty"),
        ("ann@example.com, ben@example.com", "invalid mailbox"),
        ("<ann@example.com>", "invalid mailbox"),
        ("ann@", "invalid mailbox"),
        ("ann%return.example.com", "invalid mailbox"),
        ("return.example.com!ann", "invalid mailbox"),
    ],
)
def test_postmaster_that_leads_nowhere_is_refused(mailbox: str, why: str) -> None:
    text = f'[return_path]\ndomain = "return.example.com"\npostmaster = "{mailbox}"\n'
    (problem,) = problems_of(text)
    assert problem.startswith("f.toml:3: return_path.postmaster: ")
    assert why in problem
