"""`postfix enable` says before it asks what people will notice."""

import pytest
from tests.unit.admin.postfix.place import Make
from tests.unit.admin.postfix.sites import Site

NOTICE = "people who write to a wrong address are no longer told"


@pytest.mark.parametrize(
    ("settings", "is_said"),
    [
        ("", True),
        ('[return_path]\nsign = "own"\nown_domains = ["news.example.com"]\n', False),
        ("[map]\nreturn_to_sender = true\n", False),
    ],
)
def test_enable_says_first_that_people_no_longer_see_bounces(
    place: Make, settings: str, is_said: bool
) -> None:
    here = place(Site(settings=settings))
    code, text = here.enable()
    assert code == 0, text
    assert (NOTICE in text) is is_said
    assert not is_said or text.index(NOTICE) < text.index("smtpd_milters")
    assert NOTICE not in here.enable()[1], "nothing is changed any more"
