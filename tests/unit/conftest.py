"""What tests of several parts share: a real name server."""

from collections.abc import Iterator

import pytest

from lab import nameserver
from lab.folder import LabFolder
from lab.nameserver import NameServer

MANY = "\n".join(f"many MX {n} mx{n}.of-a-name-that-is-long-enough-to-need-tcp" for n in range(60))
ZONE = f"""\
good MX 20 mx2.good
good MX 10 mx1.good
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
{MANY}
"""


@pytest.fixture(scope="session")
def nsd() -> Iterator[NameServer]:
    """NSD with the zone `test`."""
    if not nameserver.is_installed():
        pytest.skip("nsd is not installed; ./run test installs it")
    with LabFolder() as folder:
        yield NameServer(folder, {"test": ZONE})
