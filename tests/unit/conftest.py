"""What tests of several parts share: a store, a name server, and examples without a time limit."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
from tests.stores import open_store

from bouncegate.store.store import Store
from lab import nameserver
from lab.folder import LabFolder
from lab.nameserver import NameServer

# An example may take as long as it does: other tests run beside it.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

MANY = "\n".join(f"many MX {n} mx{n}.of-a-name-that-is-long-enough-to-need-tcp" for n in range(60))
ZONE = f"""\
good MX 20 mx2.good
good MX 10 mx1.good
mx.good A 127.0.0.1
mx1.good A 127.0.0.1
mx2.good AAAA ::1
hostless MX 10 gone.hostless
hostless MX 20 text
half-hostless MX 10 gone.hostless
half-hostless MX 20 mx2.good
google MX 1 ASPMX.L.Google.COM.
null MX 0 .
half-null MX 0 .
half-null MX 10 mx.good
address A 127.0.0.1
address6 AAAA ::1
text TXT "neither MX nor address"
alias CNAME good
dangling CNAME nowhere.test.
loop CNAME loop2
loop2 CNAME loop
odd MX 5 bad\\032host.good
odd MX 10 mx.good
only-odd MX 5 bad\\@host.good
return MX 10 mx1.good
return TXT "other=1"
return TXT "v=spf1 mx" " -all"
two-spf MX 10 mx1.good
two-spf TXT "v=spf1 mx -all"
two-spf TXT "v=spf1 a -all"
short 10 MX 5 mx.good
sender MX 10 mx1.good
sender TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.sender TXT "v=DMARC1; p=reject"
bounces.sender MX 10 mx1.good
bounces.sender TXT "v=spf1 ip4:192.0.2.1 ~all"
revoked._domainkey.sender TXT "v=DKIM1; p="
edwards._domainkey.sender TXT "v=DKIM1; k=ed25519; p=AAAA"
mail A 192.0.2.1
{MANY}
"""
REVERSE = """\
1 PTR mail.test.
2 PTR elsewhere.test.
"""


@pytest.fixture(scope="session")
def nsd() -> Iterator[NameServer]:
    """NSD with the zone `test`, and the names of 192.0.2.0/24 (RFC 5737)."""
    if not nameserver.is_installed():
        pytest.skip("nsd is not installed; ./run test installs it")
    with LabFolder() as folder:
        yield NameServer(folder, {"test": ZONE, "2.0.192.in-addr.arpa": REVERSE})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in the test's own folder."""
    with closing(open_store(tmp_path)) as store:
        yield store
