"""The lab itself: a test that stands on it must be able to trust it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.folder import ROOT, LabFolder
from lab.postfix import Postfix
from lab.privilege import as_root
from lab.processes import is_running
from lab.remote import Remote
from lab.smtp import Client, message
from lab.waiting import wait_for


def test_a_refused_recipient_bounces_while_the_others_get_the_message(folder: LabFolder) -> None:
    remote = Remote(folder, {"gone@remote.example": "550 5.1.1 no such user"})
    postfix = Postfix(folder, remote.relayhost)
    postfix.start()
    with Client(postfix.port) as client:
        replies = client.deliver(message("News"), "", ["ann@remote.example", "gone@remote.example"])
    assert {reply.code for reply in replies.values()} == {250}
    postfix.wait_for_log(r"to=<gone@remote\.example>.*dsn=5\.1\.1, status=bounced")
    postfix.wait_until_empty()
    assert remote.accepted() == ["ann@remote.example"]


def test_two_labs_at_once_do_not_meet(folder: LabFolder) -> None:
    with LabFolder() as other:
        first = Postfix(folder, "[127.0.0.1]:9")
        second = Postfix(other, "[127.0.0.1]:9")
        first.start()
        second.start()
        first.sendmail(message("News"), "", ["ann@remote.example"])
        wait_for("the message in the first queue", first.queued)
        assert second.queued() == []


def test_the_configuration_of_the_machine_stays_as_it_is(folder: LabFolder) -> None:
    before = _etc_postfix()
    postfix = Postfix(folder, "[127.0.0.1]:9")
    postfix.start()
    postfix.set(message_size_limit="12345")
    postfix.reload()
    postfix.stop()
    assert _etc_postfix() == before


OWNER = """
import sys, time
from lab.folder import LabFolder
from lab.postfix import Postfix

folder = LabFolder()
postfix = Postfix(folder, "[127.0.0.1]:9")
postfix.start()
print(folder.path, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_owner_leaves_no_process_and_no_folder(
    can_run_postfix: None, number: signal.Signals
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().strip())
        record = subprocess.run(
            as_root(["cat", path / "postfix/queue/pid/master.pid"]),
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        master = int(record.stdout)
        assert is_running(master)
        owner.send_signal(number)
    wait_for("the end of the folder", lambda: not path.exists())
    wait_for("the end of the master process", lambda: not is_running(master))


def _etc_postfix() -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in Path("/etc/postfix").rglob("*")}
