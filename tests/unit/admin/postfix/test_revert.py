"""Enable and disable on configurations as they are found, with the real postconf(1)."""

import errno
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.admin.postfix.sites import CHROOT, MAIN, SITES, SUBMISSION, Site, with_lines
from tests.unit.cli.conftest import Command, bouncegate, config

from bouncegate.admin.postfix import backup, install
from bouncegate.admin.postfix.trial import Change

__all__ = ["bouncegate", "config"]

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")

DOMAIN = "return.example.com"
LISTS = ("smtpd_milters", "transport_maps", "relay_domains")


class Place:
    """A folder with a configuration of Postfix, and one with ours."""

    def __init__(self, folder: Path, site: Site, command: Command) -> None:
        self.folder = folder / "etc"
        self.folder.mkdir()
        self.queue = folder / "queue"
        self.config = folder / "bouncegate.toml"
        self._command = command
        self._options = site.options
        self.write("main.cf", f"queue_directory = {self.queue}\n{site.main}")
        self.write("master.cf", site.master)
        for name, text in site.tables.items():
            self.write(name, text)
        self.config.write_text(self._settings(site.settings))

    def _settings(self, text: str) -> str:
        """Sockets below the queue folder, and the return domain, but for what a site says."""
        text = text.replace("{queue}", str(self.queue))
        said = tomllib.loads(text)
        for section, name in (("milter", "milter"), ("return_path", "return-path")):
            if "socket" not in said.get(section, {}):
                line = f'socket = "unix:{self.queue}/bouncegate/{name}.sock"\n'
                if section in said:
                    text = text.replace(f"[{section}]\n", f"[{section}]\n{line}")
                else:
                    text += f"[{section}]\n{line}"
        if "domain" not in said.get("return_path", {}):
            text = text.replace("[return_path]\n", f'[return_path]\ndomain = "{DOMAIN}"\n')
        return text

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def files(self) -> dict[str, bytes]:
        found = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        return {**found, "config": self.config.read_bytes()}

    def shape(self) -> set[tuple[str, int, int, int]]:
        stats = [(path.name, path.stat()) for path in self.folder.iterdir()]
        return {(name, one.st_mode, one.st_uid, one.st_gid) for name, one in stats}

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        # Postfix's programs wait while a main.cf is younger than 2 s (dict_load_file_xt).
        os.utime(self.folder / "main.cf", (0, 0))
        done = self._command("postfix", name, "-c", str(self.folder), *arguments)
        os.utime(self.folder / "main.cf", (0, 0))
        return done.code, done.out + done.err

    def enable(self, *arguments: str) -> tuple[int, str]:
        return self.run("enable", "--no-reload", "--yes", *self._options, *arguments)

    def disable(self) -> tuple[int, str]:
        return self.run("disable", "--no-reload", "--yes")

    def value(self, *names: str) -> str:
        argv = ["postconf", "-c", str(self.folder), "-xh", *names]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def value_of(self, option: str) -> str:
        argv = ["postconf", "-c", str(self.folder), "-xhP", option]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))


Make = Callable[[Site], Place]


@pytest.fixture
def place(tmp_path: Path, bouncegate: Command) -> Make:
    """Makes a site's folders."""
    return lambda site: Place(tmp_path, site, bouncegate)


@pytest.mark.parametrize("name", SITES)
def test_disable_gives_back_each_file_byte_for_byte_and_enable_twice_is_once(
    name: str, place: Make
) -> None:
    here = place(SITES[name])
    for mode, file in ((0o640, "main.cf"), (0o400, "master.cf")):
        (here.folder / file).chmod(mode)
    files, shape = here.files(), here.shape()

    before = {one: here.value(one) for one in LISTS}
    code, said = here.enable()
    assert code == 0, said
    attached = here.files()
    for one in LISTS:
        assert here.value(one).endswith(before[one]), "what was there stays behind ours"
    assert "default_action=accept" in here.value("smtpd_milters").partition("}")[0]
    assert attached["main.cf"] != files["main.cf"]
    code, said = here.run("status")
    assert "attached" in said.splitlines()[0]
    assert "not attached" not in said.splitlines()[0], said
    code, said = here.enable()
    assert (code, here.files()) == (0, attached), said
    assert "nothing to change" in said

    code, said = here.disable()
    assert code == 0, said
    assert here.files() == files
    assert here.shape() == shape
    assert here.disable()[0] == 0


def test_submission_s_own_milters_stay_behind_ours(place: Make) -> None:
    here = place(SITES["submission by $mua_milters"])
    assert here.enable()[0] == 0
    options = here.value_of("submission/inet/smtpd_milters")
    assert options.endswith("inet:127.0.0.1:8891, unix:rspamd/milter.sock")
    assert "bouncegate/milter.sock" in options


def test_it_begins_by_observing_and_enforces_when_told(place: Make) -> None:
    here = place(Site())
    before = here.files()
    assert here.enable()[0] == 0
    assert tomllib.loads(here.config.read_text())["milter"]["mode"] == "observe"
    assert here.enable("--enforce")[0] == 0
    assert tomllib.loads(here.config.read_text())["milter"]["mode"] == "enforce"
    assert "nothing to change" in here.enable()[1]
    assert here.disable()[0] == 0
    assert here.files() == before


@pytest.mark.parametrize(
    ("site", "text"),
    [
        (Site(main=with_lines("smtpd_milters = $from_elsewhere")), "$from_elsewhere"),
        (Site(main=with_lines("smtpd_milters = { inet:1:2")), "cannot be parsed"),
        (Site(main=with_lines("smtpd_milters = hash:/etc/milters")), "cannot be parsed"),
        (Site(main=MAIN + "no parameter\n"), "missing '='"),
        (Site(master=CHROOT + "x strange n - n - - smtpd\n"), "invalid type"),
        (Site(main=with_lines("mail_version = 3.4.9")), "3.5 or newer"),
        (Site(main=with_lines("mail_version = next")), "3.5 or newer"),
        (Site(master=CHROOT + SUBMISSION.format("$gone_milters")), "$gone_milters"),
        (
            Site(
                main=with_lines("transport_maps = regexp:$config_directory/all"),
                tables={"all": "/./ smtp:[smart.example.net]\n"},
            ),
            "/@return\\.example\\.com$/ lmtp:unix:bouncegate/return-path.sock",
        ),
        (Site(main=with_lines(f"virtual_alias_domains = {DOMAIN}")), "remove"),
        (Site(settings='[milter]\nsocket = "unix:/run/b/milter.sock"\n'), "cannot reach"),
        (Site(master="smtp inet n - n - - smtpd\n"), "no service lmtp"),
    ],
)
def test_what_is_not_understood_is_left_alone_and_said(site: Site, text: str, place: Make) -> None:
    here = place(site)
    files, shape = here.files(), here.shape()
    code, said = here.enable()
    assert code == 78, said
    assert text in said
    assert here.files() == files
    assert here.shape() == shape


def test_without_consent_nothing_is_changed(place: Make) -> None:
    here = place(Site())
    before = here.files()
    code, said = here.run("enable", "--no-reload")
    assert code == 64
    assert "+smtpd_milters = $bouncegate_milter" in said
    assert here.files() == before


def test_what_others_have_edited_since_is_never_lost(place: Make) -> None:
    here = place(SITES["opendkim"])
    assert here.enable()[0] == 0
    here.edit("main.cf", "compatibility_level = 3.6", "compatibility_level = 3.6\nsoft_bounce = no")
    here.edit("main.cf", "opendkim.sock\n", "opendkim.sock, inet:127.0.0.1:11332\n")
    assert here.disable()[0] == 0
    text = (here.folder / "main.cf").read_text()
    assert "smtpd_milters = local:opendkim/opendkim.sock, inet:127.0.0.1:11332\n" in text
    assert "soft_bounce = no\n" in text
    assert "bouncegate_" not in text
    assert not backup.path_of(here.folder).exists()


def test_where_ours_cannot_be_told_apart_the_lines_are_printed(place: Make) -> None:
    here = place(Site())
    assert here.enable()[0] == 0
    here.edit(
        "main.cf", "smtpd_milters = $bouncegate_milter", "smtpd_milters = x${bouncegate_milter}"
    )
    edited = (here.folder / "main.cf").read_bytes()
    code, said = here.disable()
    assert code == 78
    assert "x${bouncegate_milter}" in said
    assert (here.folder / "main.cf").read_bytes() == edited
    here.edit("main.cf", "smtpd_milters = x${bouncegate_milter}\n", "")
    assert here.disable()[0] == 0
    assert "bouncegate_" not in (here.folder / "main.cf").read_text()


class Killed(BaseException):
    """Stands for SIGKILL between two steps."""


@pytest.mark.parametrize("next_command", ["enable", "disable"])
@pytest.mark.parametrize("step", range(12))
def test_a_kill_at_any_step_is_mended_by_the_next_command(
    step: int, next_command: str, place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename and each removal is a step; a kill comes before one of them."""
    here = place(SITES["submission with a milter"])
    files, shape = here.files(), here.shape()
    steps = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def do(*arguments: object, **named: object) -> object:
            nonlocal steps
            if steps == step:
                raise Killed
            steps += 1
            return original(*arguments, **named)

        return do

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        killed = False
        for command in (here.enable, here.disable):
            try:
                command()
            except Killed:
                killed = True
                break
    assert killed or step >= steps
    if next_command == "enable":
        code, said = here.enable()
        assert code == 0, said
        assert "$bouncegate_milter" in (here.folder / "master.cf").read_text()
    assert here.disable()[0] == 0
    assert here.files() == files
    assert here.shape() == shape


def test_a_file_that_was_edited_between_plan_and_change_is_left(place: Make) -> None:
    here = place(Site())
    path = here.folder / "main.cf"
    planned = Change(path, path.read_bytes(), b"ours")
    here.edit("main.cf", "compatibility_level = 3.6", "compatibility_level = 3.7")
    with pytest.raises(install.Edited):
        install.replace_file(path, planned.after, planned.before)
    assert b"3.7" in path.read_bytes()
    assert not path.with_name("main.cf.tmp").exists()


def test_a_link_stays_a_link(place: Make) -> None:
    here = place(Site())
    real = here.folder.parent / "shared-main.cf"
    (here.folder / "main.cf").rename(real)
    (here.folder / "main.cf").symlink_to(real)
    before = real.read_bytes()
    assert here.enable()[0] == 0
    assert b"bouncegate" in real.read_bytes()
    assert here.disable()[0] == 0
    assert (here.folder / "main.cf").is_symlink()
    assert real.read_bytes() == before


def test_a_change_that_postfix_does_not_like_is_taken_back(place: Make) -> None:
    """`postfix check` fails here for a reason of its own; what counts is what is left behind."""
    here = place(Site(main=with_lines("daemon_directory = /nonexistent")))
    files, shape = here.files(), here.shape()
    code, said = here.run("enable", "--yes")
    assert code == 78, said
    assert "postfix fails" in said
    assert here.files() == files
    assert here.shape() == shape


def test_instances_of_one_machine_are_attached_each_for_itself(
    tmp_path: Path, place: Make, bouncegate: Command
) -> None:
    here = place(Site())
    other = tmp_path / "etc-out"
    shutil.copytree(here.folder, other)
    assert here.enable()[0] == 0
    before = (other / "main.cf").read_bytes()
    assert bouncegate("postfix", "enable", "--no-reload", "--yes", "-c", str(other)).code == 0
    assert here.disable()[0] == 0
    assert b"bouncegate_milter" in (other / "main.cf").read_bytes()
    assert bouncegate("postfix", "disable", "--no-reload", "--yes", "-c", str(other)).code == 0
    assert (other / "main.cf").read_bytes() == before


def test_status_says_whether_disable_gives_back_what_was_there(place: Make) -> None:
    here = place(Site())

    def undo() -> str:
        said: str = json.loads(here.run("status", "--json")[1])["undo"]
        return said

    assert undo() == "nothing"
    assert here.enable()[0] == 0
    assert undo() == "exact"
    here.edit("main.cf", "myhostname = ", "soft_bounce = no\nmyhostname = ")
    assert undo() == "exact"
    here.edit("main.cf", "smtpd_milters = $", "smtpd_milters = x$")
    assert undo() == "by-hand"


def test_a_link_that_a_file_has_replaced_since_is_detached_where_postfix_reads(
    place: Make,
) -> None:
    """postconf(1) puts a file in the place of a symbolic link, and so do many tools."""
    here = place(Site())
    real = here.folder.parent / "shared-main.cf"
    (here.folder / "main.cf").rename(real)
    (here.folder / "main.cf").symlink_to(real)
    before = real.read_bytes()
    assert here.enable()[0] == 0
    (here.folder / "main.cf").unlink()
    shutil.copy(real, here.folder / "main.cf")
    here.edit("main.cf", "compatibility_level = 3.6", "compatibility_level = 3.6\nsoft_bounce = no")
    edited = before.replace(b"_level = 3.6", b"_level = 3.6\nsoft_bounce = no")
    code, said = here.disable()
    assert code == 0, said
    assert (here.folder / "main.cf").read_bytes() == edited
    assert real.read_bytes() == before


def test_what_still_names_us_is_said_and_never_called_detached(place: Make) -> None:
    here = place(Site())
    assert here.enable()[0] == 0
    kept = (here.folder / "main.cf").read_bytes()
    shutil.rmtree(backup.path_of(here.folder))
    code, said = here.disable()
    assert code == 78
    assert "smtpd_milters = $bouncegate_milter" in said
    assert "detached" not in said
    assert (here.folder / "main.cf").read_bytes() == kept


def test_a_milter_that_was_attached_by_hand_is_said_after_the_rest_was_undone(place: Make) -> None:
    here = place(Site())
    assert here.enable()[0] == 0
    socket = f"{{ unix:{here.queue}/bouncegate/milter.sock, default_action=accept }}"
    here.write("master.cf", f"{CHROOT}587 inet n - n - - smtpd -o {{ smtpd_milters = {socket} }}\n")
    code, said = here.disable()
    assert code == 78
    assert "still asks Bouncegate: remove by hand: milter of 587/inet" in said
    assert "bouncegate_" not in (here.folder / "main.cf").read_text()


def test_disable_needs_no_config_that_can_be_read(place: Make) -> None:
    here = place(Site())
    before = (here.folder / "main.cf").read_bytes()
    assert here.enable()[0] == 0
    here.config.write_text("[milter\n")
    here.disable()
    assert (here.folder / "main.cf").read_bytes() == before


@pytest.mark.parametrize("step", range(3))
def test_an_enable_that_cannot_write_a_file_takes_back_those_that_it_has_written(
    step: int, place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place(SITES["submission with a milter"])
    files, shape = here.files(), here.shape()
    put, done = install.replace_file, 0

    def fail_once(path: Path, octets: bytes | None, expected: bytes | None) -> None:
        nonlocal done
        done += 1
        if done == step + 1:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        put(path, octets, expected)

    monkeypatch.setattr(install, "replace_file", fail_once)
    code, said = here.enable()
    assert code == 73
    assert "Read-only file system" in said
    assert "everything was restored" in said
    assert here.files() == files
    assert here.shape() == shape
