"""The policy table of an operator: what is wrong is told wholly, what is right is meant."""

import re
from importlib.resources import files

import pytest

from bouncegate.config.loading import loads
from bouncegate.config.notes import notes_on
from bouncegate.config.problems import ConfigError
from bouncegate.config.rows import in_order, unreachable


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.toml")
    return [str(problem) for problem in caught.value.problems]


def row(text: str) -> str:
    return f"[[policy.row]]\n{text}\n"


HARD = 'kind = "hard"\nfailures = 2\nlock = "1 year"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (row('kind = "hard"\nfailures = 1\nlock = "1 yeer"'), "f.toml:4: policy.row.1.lock: "),
        (row('reason = "mailbox-ful"\nlock = "never"'), "did you mean 'mailbox-full'?"),
        (row('kind = "sft"\nlock = "never"'), "did you mean 'soft'?"),
        (
            row('provider = "gogle"\nlock = "never"'),
            "policy.row.1.provider: unknown provider",
        ),
        (row('provider = "gmail.com"\nlock = "never"'), "is run by 'google'"),
        (row('kind = "hard"\nlock = "1 year"'), "failures is missing"),
        (row('kind = "hard"\nfailures = 2'), "lock is missing"),
        (row('failures = 2\nlock = "1 year"'), "the row matches every bounce"),
        (row('kind = "hard"\nfailures = 1\nlock = "never"'), "'never' counts no failures"),
        (row('reason = "spam-block"\nfailures = 1\nlock = "1 day"'), "let it by counts = true"),
        (row('reason = "virus"\ncounts = true\nlock = "never"'), "'never' counts no failures"),
        (row('kind = "hard"\ndays = 31\nfailures = 1\nlock = "1 day"'), "policy.row.1.days: "),
        (row('reason = "operator"\nlock = "never"'), "operator never counts"),
        (
            row('kind = "hard"\ncategory = "mailbox"\nlock = "never"'),
            "not a category of hard bounces",
        ),
        (row('kind = "hard"\nfailures = 1\nlock = ["1 year", "1 month"]'), "must not be shorter"),
        (row('kind = "hard"\nfailures = 1\nlock = "0 days"'), "must be positive"),
        (row('sender = "news"\nlock = "never"'), "invalid address pattern"),
        (row('sendr = "@example.com"\nlock = "never"'), "did you mean 'sender'?"),
        (row(HARD) + row('kind = ["soft", "hard"]\nlock = "never"'), "as specific as policy.row.1"),
        (
            row('sender = "@example.com"\nlock = "never"')
            + row('sender = "news@"\nlock = "never"'),
            "policy.row.2: as specific as policy.row.1",
        ),
        (
            '[ledger]\ngroup = "list-id"\n[policy.soft]\nscope = "group"',
            "policy.soft.scope: at RCPT TO the List-Id is not known",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_its_place_and_what_would_be_right(
    text: str, problem: str
) -> None:
    assert any(problem in found for found in problems_of(text)), problems_of(text)


def test_all_that_is_wrong_with_a_table_is_told_at_once() -> None:
    text = (
        row('kind = "hard"\nfailures = 1\nlock = "1 yeer"')
        + row('reason = "user-unkown"\nlock = "never"')
        + row('failures = 2\nlock = "1 year"')
        + row(HARD)
        + row(HARD)
    )
    places = [re.sub(r": .*", "", found.removeprefix("f.toml:")) for found in problems_of(text)]
    assert places == ["4", "6", "8", "15"]


def test_rows_that_name_the_same_keys_may_stand_together_if_no_bounce_falls_under_both() -> None:
    text = row('kind = "hard"\nprovider = "gmx"\nlock = "never"') + row(
        'kind = "soft"\nprovider = "gmx"\nlock = "never"'
    )
    assert len(loads(text).policy.row) == 2


def test_the_row_that_says_the_most_wins_by_the_written_order() -> None:
    keys = (
        'kind = "hard"',
        'category = "address"',
        'reason = "user-unknown"',
        'provider = "gmx"',
        'group = "example.com"',
        'sender = "@example.com"',
        'sender = "news@example.com"',
    )
    rows = loads("".join(row(f'{key}\nlock = "never"') for key in keys)).policy.row
    assert [number for number, _ in in_order(rows)] == [7, 6, 5, 4, 3, 2, 1]
    both = loads(row(f'{keys[3]}\nlock = "never"') + row(f'{keys[0]}\n{keys[1]}\nlock = "never"'))
    assert [number for number, _ in in_order(both.policy.row)] == [1, 2], (
        "a provider goes before any number of the keys behind it"
    )


def test_rows_that_no_bounce_can_reach_are_found() -> None:
    lonely = row('kind = "hard"\ncategory = "address"\nlock = "never"')
    by_reason = row('reason = "spam-block"\nlock = "never"')
    covered = row('kind = "soft"\nlock = "never"') + "".join(
        row(f'category = "{category}"\nkind = "soft"\nlock = "never"')
        for category in ("mailbox", "network", "limit", "undefined")
    )
    assert list(unreachable(loads(lonely).policy)) == []
    assert list(unreachable(loads(lonely + by_reason).policy)) == [2], "it blames the sender"
    assert list(unreachable(loads(covered).policy)) == [1], "each category has a row of its own"


def test_a_row_that_lets_blocks_count_is_allowed_and_noted() -> None:
    settings = loads(
        row('reason = ["spam-block", "virus"]\ncounts = true\nfailures = 1\nlock = "1 day"')
        + row('reason = "virus"\nprovider = "gmx"\nlock = "never"')
    )
    assert list(unreachable(settings.policy)) == []
    (note,) = (note for note in notes_on(settings) if "policy.row" in note)
    assert note.startswith("policy.row.1 counts = true (spam-block, virus): ")


def test_the_example_by_provider_is_right_as_it_stands() -> None:
    text = files("bouncegate.config").joinpath("policy-by-provider.toml").read_text("utf-8")
    policy = loads(text).policy
    assert {found.failures for found in policy.row if found.kind == ("hard",)} == {1, 2}
    assert {found.failures for found in policy.row if found.kind == ("soft",)} == {3, 4, 5}
    assert list(unreachable(policy)) == []


def test_rows_for_a_domain_and_for_a_provider_may_both_hold_and_the_domain_wins() -> None:
    mixed = row('provider = ["gmx", "shop.example"]\nlock = "never"')
    text = mixed + row('provider = "google"\nlock = "never"')
    parts = [(number, part.provider) for number, part in in_order(loads(text).policy.row)]
    assert parts[0] == (1, ("shop.example",))
    assert sorted(parts[1:]) == [(1, ("gmx",)), (2, ("google",))]
    problems = problems_of(mixed + row('provider = "shop.example"\nlock = "never"'))
    assert any("as specific as policy.row.1" in problem for problem in problems)
