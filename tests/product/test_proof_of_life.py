"""Mail that arrives from an address and passed authentication frees its soft lock."""

import pytest
from tests.postfix.conftest import can_run_postfix, postfix, remote
from tests.postfix.test_alive import Site, answer, filtered, gate, lock, site, system

from lab.bouncegate import Bouncegate
from lab.remote import Remote

__all__ = ["can_run_postfix", "filtered", "gate", "postfix", "remote", "site", "system"]


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize(("who", "locked"), [("zoe@example.com", False), ("zoe@example.net", True)])
def test_mail_that_arrives_from_the_address_and_passed_authentication_frees_a_soft_lock(
    site: Site, remote: Remote, gate: Bouncegate, who: str, locked: bool
) -> None:
    """The filter of this site authenticates example.com, and not example.net."""
    lock(site.system.postfix, remote, gate, who)
    answer(site, who)
    assert gate.show(who)["locked"] is locked
