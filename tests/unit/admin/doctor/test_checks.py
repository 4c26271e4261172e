"""Each fault of an installation is found by a check, with its meaning and what to do."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Command, bouncegate, config

from bouncegate.admin.doctor.daemons import check_daemons
from bouncegate.admin.doctor.findings import Finding, Severity, run_checks
from bouncegate.admin.doctor.storage import check_ledger, check_store
from bouncegate.admin.doctor.tokens import check_evidence, check_keys
from bouncegate.config.loading import loads
from bouncegate.config.settings import PolicySettings, Settings, Trust
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile

__all__ = ["bouncegate", "config"]

NOW = int(time.time())
SIGNED_ONLY: tuple[Trust, ...] = ("signed",)
SIGNED = '[return_path]\ndomain = "return.example.com"\n'


def settings_of(folder: Path, toml: str = "") -> Settings:
    return loads(f'[store]\npath = "{folder}"\nmap_size = "64 MiB"\n{toml}')


def worst(found: Iterator[Finding]) -> tuple[Severity, str]:
    return max((one.severity, f"{one.text}; {one.fix}") for one in found)


@pytest.mark.parametrize(
    ("toml", "severity", "text"),
    [
        ("", Severity.WARNING, "no bounce counts and no address is ever locked"),
        ("[ledger]\nenabled = true\n", Severity.NOTE, "return paths are not signed"),
        (SIGNED, Severity.OK, "signed below return.example.com"),
        (f'{SIGNED}[ledger]\nkeep = "0 days"\n', Severity.WARNING, "[ledger] keep is 0"),
        (
            '[return_path]\ncount = ["unverified"]\n',
            Severity.WARNING,
            "anyone who can send one locks any address",
        ),
    ],
)
def test_a_site_is_told_whether_its_bounces_can_count(
    tmp_path: Path, toml: str, severity: Severity, text: str
) -> None:
    found, words = worst(check_evidence(settings_of(tmp_path, toml)))
    assert found is severity
    assert text in words


def test_a_key_file_that_others_may_read_or_that_is_old_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SIGNED)
    assert worst(check_keys(settings))[0] is Severity.NOTE, "the milter will make it"
    path = tmp_path / KEY_FILE
    KeyFile(path, NOW)
    assert worst(check_keys(settings, NOW))[0] is Severity.OK
    assert "bouncegate keys rotate" in worst(check_keys(settings, NOW + 400 * 86_400))[1]
    path.chmod(0o644)
    severity, text = worst(check_keys(settings, NOW))
    assert severity is Severity.ERROR
    assert "return paths can be neither signed" in text
    assert not list(check_keys(settings_of(tmp_path), NOW)), "where nothing is signed"


def test_a_store_that_is_missing_damaged_or_full_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert worst(check_store(settings, NOW))[0] is Severity.NOTE
    policy = Policy(PolicySettings(), SIGNED_ONLY)
    with closing(Store.open(settings.store)) as store:
        store.act([Act(("ann@example.com",), NOW, "lock", "eve")], policy.fold)
    assert "1 locks in" in next(iter(check_store(settings, NOW))).text
    assert "clock was set back" in worst(check_store(settings, NOW - 3600))[1]
    (tmp_path / "data.mdb").write_bytes(b"rubbish" * 1000)
    severity, text = worst(check_store(settings, NOW))
    assert severity is Severity.ERROR
    assert "restore a backup" in text


def test_a_ledger_is_looked_at_where_there_should_be_one(tmp_path: Path) -> None:
    assert not list(check_ledger(settings_of(tmp_path), NOW))
    assert worst(check_ledger(settings_of(tmp_path, SIGNED), NOW))[0] is Severity.NOTE


def test_a_ledger_too_small_for_its_time_is_told_before_bounces_stop_counting(
    tmp_path: Path,
) -> None:
    toml = f'{SIGNED}[ledger]\nmax_size = "8 MiB"\n'
    settings = settings_of(tmp_path, toml)
    record(settings, range(10))
    severity, text = worst(check_ledger(settings, NOW))
    assert severity is Severity.NOTE
    assert 'mailing_headers = ["X-Campaign-Id"]' in text
    settings = settings_of(tmp_path, f'{toml}mailing_headers = ["X-Campaign-Id"]\n')
    assert worst(check_ledger(settings, NOW))[0] is Severity.OK
    record(settings, range(10, 30_000))
    severity, text = worst(check_ledger(settings, NOW))
    assert severity is Severity.WARNING
    assert "it holds sends of only" in text
    assert "[ledger] max_size" in text


def record(settings: Settings, numbers: Sequence[int]) -> None:
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        for start in range(0, len(numbers), 40):
            batch = numbers[start : start + 40]
            ledger.write([entry_of(send(NOW + n, n)) for n in batch])


def send(time_: int, number: int) -> Sent:
    address = f"member{number}@orchard.example"
    message = number.to_bytes(8)
    return Sent(time_, message, "news@example.com", (address,), f"queue{number}", f"id{number}")


def test_daemons_that_do_not_answer_are_told_with_what_that_costs(tmp_path: Path) -> None:
    toml = "".join(
        f'[{section}]\nsocket = "unix:{tmp_path}/{section}.sock"\n'
        for section in ("milter", "return_path", "map")
    )
    settings = settings_of(tmp_path, toml)
    found = {one.check: one for one in check_daemons(settings)}
    assert {name: one.severity for name, one in found.items()} == {
        "milter": Severity.ERROR,
        "return-path": Severity.ERROR,
        "map": Severity.NOTE,
    }
    assert "mail to locked recipients is sent" in found["milter"].text
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "milter.sock"))
    listener.close()
    found = {one.check: one for one in check_daemons(settings)}
    assert found["milter"].severity is Severity.ERROR, "a socket that a killed daemon left"


def greet(listener: socket.socket) -> None:
    with closing(listener.accept()[0]) as peer:
        peer.sendall(b"220 hello\r\n")
        peer.recv(100)


def test_a_socket_at_which_something_else_answers_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f'[milter]\nsocket = "unix:{tmp_path}/milter.sock"\n')
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "milter.sock"))
        listener.listen()
        greeter = threading.Thread(target=greet, args=(listener,))
        greeter.start()
        found = {one.check: one for one in check_daemons(settings)}
        greeter.join()
    assert found["milter"].severity is Severity.ERROR
    assert "another program than the milter answers" in found["milter"].text


def test_a_check_that_fails_itself_hides_no_other() -> None:
    def ill() -> list[Finding]:
        raise RuntimeError("no idea")

    def well() -> list[Finding]:
        return [Finding("well", Severity.OK, "fine")]

    found = list(run_checks([("ill", ill), ("well", well)]))
    assert [(one.check, one.severity) for one in found] == [
        ("ill", Severity.ERROR),
        ("well", Severity.OK),
    ]
    assert "RuntimeError: no idea" in found[0].text


def test_the_exit_code_is_that_of_the_worst_and_scripts_read_json(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        for section in ("milter", "return_path", "map"):
            file.write(f'[{section}]\nsocket = "unix:{config.parent}/{section}.sock"\n')
        file.write("[dns]\nenabled = false\n")  # this machine's own names are nobody's business
    done = bouncegate("doctor", "--json")
    assert done.code == 2
    found = [json.loads(line) for line in done.out.splitlines()]
    assert {"check": "milter", "severity": "error"}.items() <= next(
        one for one in found if one["check"] == "milter"
    ).items()
    assert "no bounce counts and no address is ever locked" in bouncegate("doctor").out
