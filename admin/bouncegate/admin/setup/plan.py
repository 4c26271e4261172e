"""Which steps install Bouncegate on a machine, and which take it away again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bouncegate.admin.setup import shipped
from bouncegate.admin.setup.accounts import Accounts
from bouncegate.admin.setup.steps import (
    MakeFolder,
    MakeLink,
    MakeUser,
    Remove,
    Run,
    Step,
    WriteFile,
)

_USER: Final = "bouncegate"
_POSTFIX: Final = "postfix"
# Postfix reaches into it, and by the setgid bit every socket made there belongs to its group.
_SOCKETS: Final = 0o2750
_STORE: Final = 0o750
_UNITS: Final = "etc/systemd/system"
_OWN_UNITS: Final = "bouncegate-*"
# The units see nothing below these (ProtectHome=, PrivateTmp=).
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")


@dataclass(frozen=True)
class Machine:
    """Where everything lies on a machine."""

    command: Path
    """The command as it was installed."""
    queue: Path
    """Postfix's queue_directory."""
    chroot: bool
    """Whether services of Postfix that ask Bouncegate see that folder alone."""
    has_systemd: bool
    root: Path = Path("/")
    accounts: Accounts = field(default_factory=Accounts)

    @property
    def settings(self) -> Path:
        """The folder of the config file."""
        return self.root / "etc/bouncegate"

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.root / "var/lib/bouncegate"

    @property
    def sockets(self) -> tuple[Path, Path]:
        """Both folders that have sockets."""
        return self.root / "run/bouncegate", self.queue / "bouncegate"

    @property
    def link(self) -> Path:
        """The name of the command that every user's PATH has."""
        return self.root / "usr/local/bin/bouncegate"

    @property
    def definitions(self) -> tuple[Path, Path]:
        """Who the user is, and which folders a boot makes again."""
        etc = self.root / "etc"
        return etc / "sysusers.d/bouncegate.conf", etc / "tmpfiles.d/bouncegate.conf"


def obstacle(machine: Machine) -> str:
    """Why this installation could not work, "" if it can."""
    if (machine.root / "usr/lib/systemd/system/bouncegate-milter.service").exists():
        return "the package of this system is installed, which has set everything up"
    hidden = next((one for one in _HIDDEN if machine.command.is_relative_to(one)), "")
    if hidden:
        return f"{machine.command}: the daemons cannot see {hidden}: install it below /opt"
    return ""


def installation(machine: Machine) -> list[Step]:
    """The steps that install it, in order; none of them enables anything."""
    accounts = machine.accounts
    user, folders = machine.definitions
    steps: list[Step] = [MakeUser(_USER, machine.store, accounts)]
    steps.append(WriteFile(user, shipped.definition("sysusers")))
    texts = shipped.definition("tmpfiles").replace("/var/spool/postfix", str(machine.queue))
    steps.append(WriteFile(folders, texts))
    steps.append(MakeFolder(machine.store, _STORE, _USER, _USER, accounts))
    steps += [MakeFolder(one, _SOCKETS, _USER, _POSTFIX, accounts) for one in machine.sockets]
    steps += _settings(machine)
    if machine.command != machine.link:
        steps.append(MakeLink(machine.link, machine.command))
    if machine.has_systemd:
        texts_of = shipped.units(machine.command)
        units = [WriteFile(machine.root / _UNITS / n, text) for n, text in texts_of.items()]
        steps += [*units, Run(("systemctl", "daemon-reload"), tuple(units))]
    return steps


def _settings(machine: Machine) -> Iterator[Step]:
    sockets = machine.queue / "bouncegate" if machine.chroot else None
    for name, text in sorted(shipped.settings(sockets).items()):
        yield WriteFile(machine.settings / name, text, keeps=True)
    for name in ("conf.d", "rules.d"):
        yield MakeFolder(machine.settings / name, 0o755, "root", "root", machine.accounts)


def removal(machine: Machine, *, purge: bool) -> list[Step]:
    """The steps that take it away; settings and store stay unless they are to be purged."""
    steps: list[Step] = []
    if machine.has_systemd:
        found = sorted((machine.root / _UNITS).glob(_OWN_UNITS))
        units = [Remove(path) for path in found if path.is_file()]
        names = tuple(one.path.name for one in units if "@" not in one.path.name)
        if names:
            steps.append(Run(("systemctl", "disable", "--now", *names), tuple(units)))
            steps += [*units, Run(("systemctl", "daemon-reload"), tuple(units))]
    if machine.link.is_symlink() and machine.link.readlink() == machine.command:
        steps.append(Remove(machine.link))
    steps += [Remove(path) for path in (*machine.definitions, *machine.sockets)]
    if purge:
        steps += [Remove(path) for path in (machine.settings, machine.store)]
    return [step for step in steps if not step.is_done]
