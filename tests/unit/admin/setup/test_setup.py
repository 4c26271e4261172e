"""What sets up an installation of pip(1), in a folder that stands for the machine's root."""

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest

from bouncegate.admin.setup import plan, shipped
from bouncegate.admin.setup.accounts import Accounts
from bouncegate.admin.setup.plan import Machine
from bouncegate.admin.setup.steps import MakeLink, MakeUser, SetupError, Step
from bouncegate.config.endpoints import UnixSocket
from bouncegate.config.loading import load


class Everybody(Accounts):
    """Every name is that of whoever runs the test, who need not be root."""

    def user(self, name: str) -> int | None:
        del name
        return os.getuid()

    def group(self, name: str) -> int | None:
        del name
        return os.getgid()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(
        command=Path("/opt/bouncegate/bin/bouncegate"),
        queue=tmp_path / "var/spool/postfix",
        chroot=True,
        has_systemd=True,
        root=tmp_path,
        accounts=Everybody(),
    )


def done(steps: list[Step]) -> list[str]:
    """Do all but what asks programs of the system; what was done."""
    left = [step for step in steps if not step.is_done]
    said = [str(step) for step in left]
    for step in left:
        if not str(step).startswith("run "):
            step.do()
    return said


def test_a_second_setup_has_nothing_to_do(machine: Machine) -> None:
    assert any("systemctl daemon-reload" in line for line in done(plan.installation(machine)))
    assert done(plan.installation(machine)) == []


def test_setup_makes_the_folders_that_the_package_makes(machine: Machine, tmp_path: Path) -> None:
    done(plan.installation(machine))
    modes = {
        place: f"{stat.S_IMODE((tmp_path / place).stat().st_mode):o}"
        for place in ("run/bouncegate", "var/spool/postfix/bouncegate", "var/lib/bouncegate")
    }
    assert list(modes.values()) == ["2750", "2750", "750"]


def test_units_run_the_command_where_it_lies(machine: Machine, tmp_path: Path) -> None:
    done(plan.installation(machine))
    units = tmp_path / "etc/systemd/system"
    text = (units / "bouncegate-milter.service").read_text()
    assert "ExecStart=/opt/bouncegate/bin/bouncegate milter\n" in text
    assert {path.name for path in units.iterdir()} == {
        path.name for path in shipped._CHECKOUT.iterdir() if path.suffix != ".conf"
    }


@pytest.mark.parametrize("folder", ["/var/spool/postfix/bouncegate", None])
def test_sockets_lie_where_a_chroot_sees_them(tmp_path: Path, folder: str | None) -> None:
    config = tmp_path / "bouncegate.toml"
    config.write_text(shipped.settings(Path(folder) if folder else None)[config.name])
    settings = load(config)
    endpoints = (settings.milter.socket, settings.map.socket, settings.return_path.socket)
    assert [str(one.path) for one in endpoints if isinstance(one, UnixSocket)] == [
        f"{folder or '/run/bouncegate'}/{name}"
        for name in ("milter.sock", "map.sock", "return-path.sock")
    ]


def test_setup_keeps_the_administrator_s_settings_and_replaces_old_units(
    machine: Machine, tmp_path: Path
) -> None:
    done(plan.installation(machine))
    config = tmp_path / "etc/bouncegate/bouncegate.toml"
    unit = tmp_path / "etc/systemd/system/bouncegate-map.service"
    config.write_text("# mine\n")
    unit.write_text("# of an older version\n")
    said = done(plan.installation(machine))
    assert said == [f"replace {unit}", "run systemctl daemon-reload"]
    assert config.read_text() == "# mine\n"
    assert unit.read_text() != "# of an older version\n"


def test_removal_leaves_settings_and_store_and_a_purge_leaves_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    kept = [tmp_path / "etc/bouncegate/bouncegate.toml", tmp_path / "var/lib/bouncegate/data.mdb"]
    done(plan.installation(machine))
    kept[1].touch()
    said = done(plan.removal(machine, purge=False))
    assert said[0].startswith("run systemctl disable --now bouncegate-backup.service ")
    assert [path.exists() for path in kept] == [True, True]
    assert not machine.link.is_symlink()
    done(plan.removal(machine, purge=True))
    assert sorted(path for path in tmp_path.rglob("*bouncegate*")) == []
    assert plan.removal(machine, purge=True) == []


def test_removal_leaves_a_link_to_another_installation(machine: Machine) -> None:
    done(plan.installation(machine))
    machine.link.unlink()
    machine.link.symlink_to("/opt/other/bin/bouncegate")
    done(plan.removal(machine, purge=False))
    assert machine.link.is_symlink()


def test_a_program_of_somebody_else_is_not_replaced_by_the_link(tmp_path: Path) -> None:
    place = tmp_path / "bouncegate"
    place.write_text("#!/bin/sh\n")
    with pytest.raises(SetupError, match="is there already"):
        MakeLink(place, tmp_path / "command").do()
    assert place.read_text() == "#!/bin/sh\n"


@pytest.mark.parametrize("place", ["/root/venv", "/home/ann/venv", "/tmp/venv"])
def test_a_command_that_the_units_could_not_see_is_refused(machine: Machine, place: str) -> None:
    hidden = Machine(Path(place, "bin/bouncegate"), machine.queue, True, True, machine.root)
    assert "below /opt" in plan.obstacle(hidden)
    assert plan.obstacle(machine) == ""


def test_setup_is_refused_where_the_package_is(machine: Machine, tmp_path: Path) -> None:
    unit = tmp_path / "usr/lib/systemd/system/bouncegate-milter.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert "package" in plan.obstacle(machine)


def test_a_user_that_is_there_is_not_made_again() -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    assert MakeUser(me, Path("/"), Accounts()).is_done
    assert not MakeUser("nobody-has-this-name", Path("/"), Accounts()).is_done
    assert Accounts().group(grp.getgrgid(os.getgid()).gr_name) == os.getgid()


def test_without_systemd_no_unit_is_written(machine: Machine, tmp_path: Path) -> None:
    done(plan.installation(Machine(machine.command, machine.queue, True, False, tmp_path,
                                   machine.accounts)))  # fmt: skip
    assert not (tmp_path / "etc/systemd").exists()


def test_a_command_and_a_queue_of_any_name_are_written_as_they_are() -> None:
    command = Path(r"/opt/a\1b/bin/bouncegate")
    assert f"ExecStart={command} " in shipped.units(command)["bouncegate-milter.service"]
    (config,) = (t for n, t in shipped.settings(Path(r"/q\1")).items() if n == "bouncegate.toml")
    assert r'socket = "unix:/q\1/milter.sock"' in config
