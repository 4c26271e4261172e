"""Jobs: unlocking by a filter, what is told of it, and what a restart leaves of it."""

import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.admin import mail
from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.audit import Who
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.taxonomy import ReportedKind
from bouncegate.policy.records import Origin
from bouncegate.web import unlockjobs
from bouncegate.web.access.access import Access
from bouncegate.web.access.jobrecords import KEPT_SECONDS, Job
from bouncegate.web.acts import Asking
from bouncegate.web.jobs import Jobs
from bouncegate.web.problem import Problem
from bouncegate.web.rights import RIGHTS_OF_ROLE, Person
from bouncegate.web.site import Site
from lab.sampledata import fill

SOFT = RowFilters(kind=ReportedKind.SOFT, origin=Origin.AUTOMATIC)
DESK = Person("desk", RIGHTS_OF_ROLE["operate"], "operate")
SECONDS = 30.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site without its sockets, over months of bounces."""
    config = tmp_path / "bouncegate.toml"
    (tmp_path / "store").mkdir()
    config.write_text(f'[store]\npath = "{tmp_path}/store"\nmap_size = "64 MiB"\n')
    with closing(Installation(config)) as installation, closing(installation.open_store()) as store:
        fill(store, installation.policy, int(time.time()), people=2500)
        with closing(Access.open(installation.settings)) as access:
            made = Site(installation, store, access)
            yield made
            made.close()


@pytest.fixture
def mailed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a sendmail(1) that delivers nothing puts its arguments and what it is given."""
    program, taken = tmp_path / "sendmail", tmp_path / "taken"
    program.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {taken}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(mail, "SENDMAIL", str(program))
    return taken


def asking(site: Site, why: str = "emptied") -> Asking:
    return Asking(site, DESK, Who("desk", via="web"), int(time.time()), why)


def ended(site: Site, job: Job) -> Job:
    site.jobs.wait(job, SECONDS)
    assert job.has_ended
    return job


def test_an_unlock_by_filter_tells_what_it_did_and_what_stays(site: Site, mailed: Path) -> None:
    everything = RowFilters()
    job = unlockjobs.begin(asking(site), everything, notify="desk@kernel.org")
    ended(site, job)
    assert (job.state, job.fault, job.mail_fault) == ("done", "", "")
    assert (job.done > 100, job.total, job.is_decided) == (True, job.done, True)
    assert job.stayed["hard"] > 100
    assert job.stayed["manual"] > 0
    told = mailed.read_text()
    assert told.startswith("-i -f  -- desk@kernel.org")
    assert f"Subject: Bouncegate: {job.done} addresses unlocked" in told
    assert "Reason: emptied" in told
    assert "left locked" in told
    audit, number = next(site.store.audits.entries()), job.done
    assert (audit.command, audit.why, audit.count) == ("unlock --all", "emptied", number)
    again = ended(site, unlockjobs.begin(asking(site), SOFT))
    assert (again.state, again.done) == ("done", 0)


def test_a_mail_that_cannot_be_sent_is_refused_or_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SENDMAIL", str(tmp_path / "missing"))
    with pytest.raises(Problem, match="no mail can be sent from here"):
        unlockjobs.begin(asking(site), SOFT, notify="desk@kernel.org")
    assert site.jobs.all() == []
    program = tmp_path / "failing"
    program.write_text("#!/bin/sh\nexit 75\n")
    program.chmod(0o755)
    monkeypatch.setattr(mail, "SENDMAIL", str(program))
    with pytest.raises(Problem, match="cannot be mailed"):
        unlockjobs.begin(asking(site), SOFT, notify="@kernel.org")
    job = ended(site, unlockjobs.begin(asking(site), SOFT, notify="desk@kernel.org"))
    assert (job.state, "exit status 75" in job.mail_fault) == ("done", True)
    assert job.done > 0


def test_a_job_that_its_process_left_is_told_as_interrupted(site: Site) -> None:
    blocked, go = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        site.jobs.decided(job, 7)
        blocked.set()
        go.wait(SECONDS)

    running = site.jobs.begin(Job("", "user:desk", 1, why="w"), work)
    waiting = site.jobs.begin(Job("", "user:desk", 2), work)
    assert blocked.wait(SECONDS)
    after = Jobs(site.access.jobs)  # as the next process finds them
    found = {one.id: (one.state, one.is_decided, one.total) for one in after.all()}
    assert found[running.id] == ("interrupted", True, 7)
    assert found[waiting.id] == ("interrupted", False, 0)
    assert [one.id for one in after.all()] == [waiting.id, running.id]
    assert after.get(running.id) is not None
    assert not after.cancel(Job(running.id, "user:desk", 1, state="interrupted"))
    assert after.is_of_another_process(running.id)
    assert site.jobs.cancel(waiting)
    go.set()
    assert ended(site, running).state == "done"
    assert ended(site, waiting).state == "cancelled"
    assert {one.state for one in Jobs(site.access.jobs).all()} == {"done", "cancelled"}


def test_a_job_that_fails_says_why_and_others_go_on(site: Site) -> None:
    def fail(_: Job) -> None:
        raise RuntimeError("out of luck")

    failed = ended(site, site.jobs.begin(Job("", "user:desk", 1), fail))
    assert (failed.state, failed.fault) == ("failed", "out of luck")
    assert ended(site, unlockjobs.begin(asking(site), SOFT)).state == "done"


def test_old_jobs_are_forgotten(site: Site) -> None:
    now = int(time.time())
    records = site.access.jobs
    records.put(Job("old-1", "user:desk", now - KEPT_SECONDS - 1, state="done"))
    records.put(Job("old-2", "user:desk", now - KEPT_SECONDS + 60, state="done"))
    ended(site, unlockjobs.begin(asking(site), SOFT))
    assert site.jobs.get("old-1") is None
    assert site.jobs.get("old-2") is not None


def test_a_job_is_seen_by_its_owner_and_by_admins(site: Site) -> None:
    job = ended(site, unlockjobs.begin(asking(site), SOFT))
    admin = Person("boss", RIGHTS_OF_ROLE["admin"], "admin")
    token = Person("desk", RIGHTS_OF_ROLE["operate"], via="api", token="desk")
    other = Person("other", RIGHTS_OF_ROLE["operate"], "operate")
    seen = [unlockjobs.may_see(one, job) for one in (DESK, admin, token, other)]
    assert seen == [True, True, False, False]
