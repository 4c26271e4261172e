"""Tokens over real sockets: what they may do, how they end, how often they may ask."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.websites import Answer, WebSite

from bouncegate.cli.web.token import SCOPES
from bouncegate.config.settings import StoreSettings
from bouncegate.web.access.accounts import Account, Accounts
from bouncegate.web.access.environment import AccessEnvironment, open_access
from bouncegate.web.access.tokens import TokenError, Tokens, Wish, person_of
from bouncegate.web.rights import RIGHTS_OF_ROLE, RIGHTS_OF_SCOPE, Person, Right, may

ADMIN = Person("root", frozenset(Right), "admin")
HEIKE = Person("desk", RIGHTS_OF_ROLE["operate"], "operate", frozenset({"shop.example"}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("tokens")), "[api]\nrate = 5\n")
    with site.serving():
        yield site


@pytest.fixture
def access(tmp_path: Path) -> Iterator[AccessEnvironment]:
    with closing(open_access(StoreSettings(path=tmp_path / "store"))) as environment:
        yield environment


def asked(site: WebSite, token: str, **headers: str) -> Answer:
    return site.ask("GET", "/api/v1/token", {"Authorization": f"Bearer {token}", **headers})


def made(site: WebSite, *options: str) -> str:
    name = f"t{time.monotonic_ns()}"
    return site.command("web", "token", "add", name, "--scope", "check", *options).strip()


def test_a_token_says_what_it_may(site: WebSite) -> None:
    answer = asked(site, made(site, "--scope", "unlock", "--group", "shop.example"))
    found = msgspec.json.decode(answer.body)
    assert answer.status == 200
    assert found["rights"] == ["check", "decide", "unlock"]
    assert found["groups"] == ["shop.example"]


def test_what_is_no_token_opens_nothing(site: WebSite) -> None:
    token = made(site)
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for text in ("", "x", wrong, token + "A", token.upper(), f"bg_aaaaaaaa_{token[-43:]}"):
        answer = asked(site, text)
        assert (answer.status, answer.kind) == (401, "unauthenticated")
        assert answer.header("www-authenticate") == "Bearer"
        assert answer.header("content-type") == "application/problem+json"
    assert site.ask("GET", "/api/v1/token").status == 401


def test_a_proxy_cannot_speak_for_a_program(site: WebSite) -> None:
    assert site.ask("GET", "/api/v1/token", {"Remote-User": "chief"}, to=site.proxy).status == 401


def test_a_token_and_a_cookie_together_are_refused(site: WebSite) -> None:
    answer = asked(site, made(site), Cookie="__Host-bouncegate=x")
    assert (answer.status, answer.kind) == (400, "request")


def test_a_token_does_not_open_pages(site: WebSite) -> None:
    token = {"Authorization": f"Bearer {made(site)}"}
    answer = site.ask("GET", "/settings/sessions", token)
    assert (answer.status, answer.header("location")) == (303, "/login?next=/settings/sessions")


def test_a_token_that_was_revoked_or_has_ended_is_refused(site: WebSite) -> None:
    token, short = made(site), made(site, "--expires", "1 second")
    assert asked(site, token).status == 200
    site.command("web", "token", "revoke", token.split("_")[1])
    assert asked(site, token).status == 401
    time.sleep(1.1)
    assert asked(site, short).status == 401


def test_a_rotated_token_overlaps_with_the_old_one(site: WebSite) -> None:
    old = made(site)
    new = site.command("web", "token", "rotate", old.split("_")[1], "--overlap", "1 day").strip()
    assert asked(site, old).status == asked(site, new).status == 200
    last = site.command("web", "token", "rotate", new.split("_")[1], "--overlap", "").strip()
    assert (asked(site, new).status, asked(site, last).status) == (401, 200)


def test_the_secret_is_not_on_the_disk_and_its_use_is_noted(site: WebSite) -> None:
    token = made(site)
    asked(site, token)
    secret = token.split("_", 2)[2].encode()
    octets = (site.folder / "store" / "web" / "data.mdb").read_bytes()
    assert secret not in octets
    deadline = time.monotonic() + 10
    while f'"id":"{token.split("_")[1]}"' not in "".join(
        line
        for line in site.command("web", "token", "list", "--json").splitlines()
        if '"used":"' in line
    ):
        assert time.monotonic() < deadline


def test_too_many_calls_are_told_when_to_come_again(site: WebSite) -> None:
    token, answers = made(site), list[Answer]()
    while len(answers) < 40 and not (answers and answers[-1].status == 429):
        answers.append(asked(site, token))
    answer = answers[-1]
    assert [one.status for one in answers[:20]] == [200] * 20
    assert answer.status == 429
    assert answer.kind == "rate"
    assert answer.header("ratelimit-policy") == '"default";q=20;w=4'
    time.sleep(int(answer.header("retry-after")))
    assert asked(site, token).status == 200
    assert asked(site, made(site)).status == 200


def test_the_scopes_of_the_command_are_those_of_the_rights() -> None:
    assert tuple(RIGHTS_OF_SCOPE) == SCOPES


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("a", ("purge",), ("shop.example",)), "more than you may"),
        (Wish("a", ("admin",), ("shop.example",)), "more than you may"),
        (Wish("a", ("check",)), "your groups alone"),
        (Wish("a", ("check",), ("shop.example", "other.example")), "your groups alone"),
        (Wish("a", ("chek",), ("shop.example",)), "unknown scope 'chek'"),
        (Wish("a", (), ("shop.example",)), "without a scope"),
        (Wish("", ("check",), ("shop.example",)), "needs a name"),
        (Wish("a\nb", ("check",), ("shop.example",)), "needs a name"),
    ],
)
def test_nobody_makes_a_token_that_may_more_than_they(
    access: AccessEnvironment, wish: Wish, words: str
) -> None:
    with pytest.raises(TokenError, match=words):
        Tokens(access).add(wish, HEIKE, 1000, is_accounts=True)


def test_a_token_shrinks_with_its_maker(access: AccessEnvironment) -> None:
    accounts, tokens = Accounts(access), Tokens(access)
    account = accounts.add("desk", "operate", (), "correct horse battery", 1000)
    maker = Person("desk", RIGHTS_OF_ROLE["operate"], "operate")
    token, text = tokens.add(Wish("crm", ("read", "unlock")), maker, 1000, is_accounts=True)
    assert tokens.named(text) == token
    assert may(person_of(token, account), Right.UNLOCK)

    less = accounts.change("desk", 1001, role="view", groups=("shop.example",))
    person = person_of(token, less)
    assert not may(person, Right.UNLOCK)
    assert may(person, Right.READ, "shop.example")
    assert not may(person, Right.READ, "other.example")
    assert not may(person, Right.READ, "")

    other = accounts.change("desk", 1002, groups=("other.example",))
    bound, _ = tokens.add(Wish("x", ("read",), ("shop.example",)), HEIKE, 1002, is_accounts=True)
    assert person_of(bound, other).rights == frozenset()
    assert person_of(token, None).rights == frozenset()


def test_an_account_of_a_newer_layout_is_not_read_wrongly(tmp_path: Path) -> None:
    settings = StoreSettings(path=tmp_path / "store")
    with closing(open_access(settings)) as environment:
        database = environment._environment.open_db(b"meta", create=False)
        with environment.writing() as transaction:
            transaction.put(b"layout", b"2", db=database)
    with pytest.raises(Exception, match="has layout 2, this version reads 1"):
        open_access(settings)


def test_two_processes_may_add_at_once(access: AccessEnvironment) -> None:
    tokens = Tokens(access)
    threads = [
        threading.Thread(
            target=tokens.add,
            args=(Wish(f"t{n}", ("check",)), ADMIN, 1000),
            kwargs={"is_accounts": False},
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens.all()) == 8


def test_accounts_are_not_in_a_folder_that_others_may_enter(access: AccessEnvironment) -> None:
    assert access.path.stat().st_mode & 0o077 == 0
    assert isinstance(Accounts(access).add("a", "view", (), "x" * 12, 1), Account)
