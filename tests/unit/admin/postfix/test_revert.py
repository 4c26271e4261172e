"""Enable and disable on configurations as they are found, with the real postconf(1)."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from tests.unit.admin.postfix.place import DOMAIN, LISTS, Make
from tests.unit.admin.postfix.sites import CHROOT, MAIN, SITES, SUBMISSION, Site, with_lines
from tests.unit.cli.conftest import Command

from bouncegate.admin.postfix import backup

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")


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
    assert tomllib.loads(here.drop_in.read_text()) == {"milter": {"mode": "observe"}}
    assert here.enable("--enforce")[0] == 0
    assert tomllib.loads(here.drop_in.read_text()) == {"milter": {"mode": "enforce"}}
    assert here.files()[str(here.config)] == before[str(here.config)], "it is a conffile"
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
