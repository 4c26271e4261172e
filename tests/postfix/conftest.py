"""One mail system for all tests of a worker; each test has addresses of its own in it."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from lab import postfix as lab_postfix
from lab import privilege
from lab.bouncegate import Bouncegate
from lab.folder import LabFolder, Process
from lab.postfix import Postfix
from lab.remote import Remote
from lab.system import MailSystem

_numbers = itertools.count()


@pytest.fixture(scope="session")
def can_run_postfix() -> None:
    """Skips what needs Postfix where Postfix cannot run; `./run test` installs it."""
    if not lab_postfix.is_installed():
        pytest.skip("Postfix is not installed")
    if not privilege.is_available():
        pytest.skip("Postfix starts only as root, and sudo asks for a password")


@pytest.fixture
def folder(can_run_postfix: None) -> Iterator[LabFolder]:
    """An empty lab, for a test that builds its own mail system."""
    with LabFolder() as folder:
        yield folder


@pytest.fixture(scope="session")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """Remote server, Postfix and both daemons, attached and running."""
    with MailSystem() as system:
        system.start()
        yield system


@pytest.fixture
def postfix(system: MailSystem) -> Postfix:
    """The private Postfix."""
    return system.postfix


@pytest.fixture
def remote(system: MailSystem) -> Iterator[Remote]:
    """The remote server, refusing nobody yet."""
    system.remote.refuse({})
    yield system.remote
    system.remote.refuse({})


@pytest.fixture
def gate(system: MailSystem) -> Iterator[Bouncegate]:
    """Bouncegate with the lab's own settings and both daemons running, also after the test."""
    yield system.gate
    system.gate.configure({})
    for process, start in (
        (system.gate.milter, system.gate.start_milter),
        (system.gate.return_path, system.gate.start_return_path),
    ):
        if process is None or process.returncode is not None:
            start()


@pytest.fixture
def milter(gate: Bouncegate) -> Process:
    """The running milter."""
    assert gate.milter is not None
    return gate.milter


@pytest.fixture
def return_path(gate: Bouncegate) -> Process:
    """The running return-path handler."""
    assert gate.return_path is not None
    return gate.return_path


@pytest.fixture
def address() -> Callable[[str], str]:
    """Makes addresses that no other test of this mail system uses."""
    number = next(_numbers)

    def make(local: str) -> str:
        return f"{local}-{number}@recipients.example"

    return make
