"""The daemon as a process: what it delivers, how it ends, and that a kill loses nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.events import event_of
from tests.stores import open_store
from tests.unit.cli.daemonprocess import COMMAND
from tests.unit.web.events.receiver import Receiver, wait_until

from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.store.store import Bounce, Store

_PATIENCE = 60.0
POLICY = Policy(PolicySettings(), ["signed"])


class Site:
    """A config with one endpoint, and the command."""

    def __init__(self, folder: Path, url: str, more: str = "") -> None:
        self.folder = folder
        (folder / "store").mkdir()
        self.config = folder / "bouncegate.toml"
        self.config.write_text(
            f'[store]\npath = "{folder}/store"\nmap_size = "64 MiB"\n[dns]\nenabled = false\n'
            f'[events]\nenabled = true\n[[events.endpoint]]\nname = "shop"\nurl = "{url}"\n{more}'
        )
        with closing(self.store()):
            pass

    def store(self) -> Store:
        return open_store(self.folder / "store")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [*COMMAND, "--config", str(self.config), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, once it has said that it is ready."""
        name = self.folder / "notify"
        name.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(name))
            ready.settimeout(_PATIENCE)
            argv = [*COMMAND, "--config", str(self.config), "events"]
            environment = {**os.environ, "NOTIFY_SOCKET": str(name)}
            process = subprocess.Popen(argv, env=environment)
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                yield process
            finally:
                process.kill()
                process.wait()

    def wait_for_place(self) -> None:
        """Until the endpoint has begun: what came before is not told."""

        def has_begun() -> bool:
            done = self.run("events", "status", "--json")
            return done.returncode == 0 and json.loads(done.stdout)["state"] != "new"

        wait_until(has_begun, _PATIENCE)


def bounce(store: Store, *addresses: str) -> None:
    now = int(time.time())
    for address in addresses:
        event = event_of(address, now, Reason.SPAM_BLOCK, identity=os.urandom(16))
        store.record([Bounce([event], b"")], POLICY)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as found:
        yield found


def ids(receiver: Receiver) -> list[str]:
    return [one["id"] for one in receiver.accepted()]


def test_daemon_tells_of_a_lock_and_of_its_end_within_seconds(
    tmp_path: Path, receiver: Receiver
) -> None:
    site = Site(tmp_path, receiver.url)
    with site.daemon() as process:
        site.wait_for_place()
        assert site.run("lock", "ann@example.com", "--why", "asked to").returncode == 0
        assert site.run("unlock", "ann@example.com", "--force", "--yes").returncode == 0
        wait_until(lambda: len(receiver.accepted()) == 2, _PATIENCE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    locked, unlocked = receiver.accepted()
    assert (locked["type"], locked["data"]["why"]) == ("address.locked", "asked to")
    assert (unlocked["type"], unlocked["data"]["cause"]) == ("address.unlocked", "unlock")


def test_daemon_that_is_killed_again_and_again_misses_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Between sending and marking too: then the same ids come again."""
    receiver.plan(hold=0.02)
    site = Site(tmp_path, receiver.url, 'types = ["bounce.received"]\n')
    chance = random.Random(1)
    with site.daemon():
        site.wait_for_place()
    names = [f"user{n % 50}-{n}@example.com" for n in range(240)]
    with closing(site.store()) as store:
        bounce(store, *names)
        for _ in range(6):
            before = len(receiver.got())
            with site.daemon() as process:
                some = before + chance.randrange(2, 30)
                wait_until(lambda wanted=some: len(receiver.got()) >= wanted, _PATIENCE)
                process.kill()
        receiver.plan()
        with site.daemon():
            wait_until(lambda: len(set(ids(receiver))) == len(names), _PATIENCE)
        last = store.journal.last()
    told = receiver.accepted()
    assert {one["data"]["address"] for one in told} == set(names)
    assert len(told) > len(names), "no kill came between sending and marking: nothing was shown"
    assert {one["sequence"] for one in told} == set(range(last - len(names) + 1, last + 1))
    bodies: dict[str, object] = {}
    for one in told:
        assert bodies.setdefault(one["id"], one) == one, "one id, two events"


def test_daemon_does_not_hold_the_store_against_others(tmp_path: Path, receiver: Receiver) -> None:
    """A receiver that never answers keeps no bounce waiting."""
    receiver.plan(hold=30)
    site = Site(tmp_path, receiver.url)
    with site.daemon():
        site.wait_for_place()
        with closing(site.store()) as store:
            bounce(store, *(f"user{n}@example.com" for n in range(20)))
            wait_until(lambda: len(receiver.got()) >= 4, _PATIENCE)
            began = time.monotonic()
            bounce(store, *(f"other{n}@example.com" for n in range(20)))
            assert time.monotonic() - began < 5


def test_daemon_without_settings_says_what_to_set(tmp_path: Path) -> None:
    site = Site(tmp_path, "http://127.0.0.1:1/")
    site.config.write_text(site.config.read_text().replace("enabled = true", "enabled = false"))
    done = site.run("events")
    assert (done.returncode, "set enabled = true in [events]" in done.stderr) == (78, True)


def test_commands_show_what_became_of_deliveries(tmp_path: Path, receiver: Receiver) -> None:
    receiver.plan(status=500, answer="no \x1b[31mluck")
    site = Site(tmp_path, receiver.url)
    with site.daemon():
        site.wait_for_place()
        with closing(site.store()) as store:
            bounce(store, "ann@example.com")
        wait_until(lambda: len(receiver.got()) == 1, _PATIENCE)
        wait_until(lambda: "failing" in site.run("events", "status").stdout, _PATIENCE)
        (line,) = site.run("events", "status", "--json").stdout.splitlines()
        status = json.loads(line)
        assert (status["state"], status["waiting"], status["dead"]) == ("failing", 1, 0)
        assert status["error"].startswith("HTTP 500: no ")
        attempt, *_ = site.run("events", "log", "shop", "--json").stdout.splitlines()
        assert json.loads(attempt)["status"] == 500
        assert "\x1b" not in attempt
        receiver.plan()
        assert site.run("events", "replay", "shop").returncode == 0
        wait_until(lambda: len(receiver.accepted()) == 1, _PATIENCE)
    assert site.run("events", "log", "nobody").returncode == 65


def test_replay_since_a_time_sends_the_same_ids_again(tmp_path: Path, receiver: Receiver) -> None:
    site = Site(tmp_path, receiver.url)
    with site.daemon():
        site.wait_for_place()
        with closing(site.store()) as store:
            bounce(store, "ann@example.com", "bob@example.com")
        wait_until(lambda: len(receiver.accepted()) == 2, _PATIENCE)
        assert site.run("events", "replay", "shop", "--since", "1 hour").returncode == 0
        wait_until(lambda: len(receiver.accepted()) == 4, _PATIENCE)
    assert sorted(ids(receiver)[:2]) == sorted(ids(receiver)[2:])


def test_an_endpoint_is_tried_by_hand(tmp_path: Path, receiver: Receiver) -> None:
    site = Site(tmp_path, receiver.url)
    done = site.run("events", "test", "shop")
    assert (done.returncode, done.stdout) == (0, "shop: HTTP 200\n")
    (one,) = receiver.accepted()
    assert (one["type"], one["data"]) == ("endpoint.test", {"endpoint": "shop"})
    receiver.plan(status=404)
    done = site.run("events", "test", "shop")
    assert (done.returncode, "HTTP 404" in done.stderr) == (69, True)


def test_requests_to_unlock_are_told_with_what_was_decided(
    tmp_path: Path, receiver: Receiver
) -> None:
    site = Site(tmp_path, receiver.url, 'types = ["unlock.requested", "unlock.decided"]\n')
    site.run("lock", "ann@example.com")
    site.run("lock", "bob@example.com")
    with site.daemon():
        site.wait_for_place()
        time.sleep(0.5)  # the first look tells nothing
        for name, verb in (("ann", "approve"), ("bob", "decline")):
            number = len(receiver.accepted())
            site.run("requests", "add", f"{name}@example.com", "--by", "desk")
            wait_until(lambda n=number: len(receiver.accepted()) == n + 1, _PATIENCE)
            request = receiver.accepted()[-1]["data"]["request"]
            words = ["--yes"] if verb == "approve" else []
            site.run("requests", verb, str(request), "--by", "carl", "--why", "so", *words)
            wait_until(lambda n=number: len(receiver.accepted()) == n + 2, _PATIENCE)
    found = [(one["type"], one["data"]) for one in receiver.accepted()]
    assert [type_ for type_, _ in found] == ["unlock.requested", "unlock.decided"] * 2
    assert [data["decision"] for type_, data in found if type_ == "unlock.decided"] == [
        *("approved", "declined"),
    ]
    assert (found[0][1]["by"], found[1][1]["by"], found[1][1]["why"]) == ("desk", "carl", "so")


def test_a_purge_reaches_receivers_and_leaves_nothing_of_the_address_behind(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.plan(by_address={"ann@example.com": 500})
    site = Site(tmp_path, receiver.url)
    with site.daemon():
        site.wait_for_place()
        with closing(site.store()) as store:
            bounce(store, "ann@example.com")
        wait_until(lambda: len(receiver.got()) == 1, _PATIENCE)
        internal_id = receiver.got()[0]["json"]["data"]["internal_id"]
        assert site.run("purge", "ann@example.com", "--yes").returncode == 0
        wait_until(lambda: bool(receiver.accepted()), _PATIENCE)
        (line,) = site.run("events", "status", "--json").stdout.splitlines()
        assert json.loads(line)["waiting"] == 0
    told = receiver.accepted()[-1]
    assert (told["type"], told["data"]) == ("address.purged", {"internal_id": internal_id})
