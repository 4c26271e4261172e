"""`setup`: does what the package of a distribution does, after pip(1)."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.options import Yes
from bouncegate.cli.output import complain
from bouncegate.cli.postfix.running import Folder
from bouncegate.cli.sentences import write_text

if TYPE_CHECKING:
    from bouncegate.admin.setup.plan import Machine
    from bouncegate.admin.setup.steps import Step

_DIFFERS: Final = 2
_SYSTEMD: Final = Path("/run/systemd/system")
# What of Postfix asks Bouncegate: the milter from smtpd and cleanup, the return path from lmtp.
_ASKING: Final = ("smtpd", "cleanup", "lmtp")

Check = Annotated[bool, typer.Option("--check", help="Show what would be done, and do nothing.")]
RemoveIt = Annotated[
    bool, typer.Option("--remove", help="Take away what it has set up; settings and store stay.")
]
Purge = Annotated[
    bool, typer.Option("--purge", help="With --remove: delete settings, store and keys as well.")
]


def setup(
    *,
    folder: Folder = None,
    check: Check = False,
    remove: RemoveIt = False,
    purge: Purge = False,
    yes: Yes = False,
) -> None:
    """Set up what pip has installed: user, folders, units, settings.

    A package of the system has done this already. It shows each step first, and asks. It enables
    nothing, does not touch Postfix, and keeps a config file that is there. After an upgrade, run it
    again: it replaces units that have changed.

    Exit code 0: done, or nothing to do. 1: a step has failed, or you said no. 2: with --check,
    there is something to do. 69: no Postfix, or it still asks Bouncegate, or the daemons could not
    run from here. 77: only root may do it.

    Examples:

    bouncegate setup --check
    bouncegate setup
    bouncegate setup --remove --yes
    """
    from bouncegate.admin.setup import plan  # noqa: PLC0415 - for one command only

    if purge and not remove:
        raise typer.BadParameter("--purge needs --remove")
    machine = _machine(folder)
    problem = "" if remove else plan.obstacle(machine)
    if problem and not check:
        complain(problem)
        raise typer.Exit(os.EX_UNAVAILABLE)
    if remove:
        _refuse_while_attached()
        steps = plan.removal(machine, purge=purge)
    else:
        steps = [step for step in plan.installation(machine) if not step.is_done]
    if not steps:
        write_text("nothing to do")
        return
    for step in steps:
        print(step)
    if problem:
        complain(problem)
        raise typer.Exit(os.EX_UNAVAILABLE)
    if check:
        raise typer.Exit(_DIFFERS)
    if os.geteuid() != 0:
        complain("only root may do this")
        raise typer.Exit(os.EX_NOPERM)
    require_consent("Do this?", "nothing was done", yes=yes)
    _do(steps)
    write_text("removed" if remove else "set up; nothing is enabled yet: see bouncegate postfix")


def _do(steps: "list[Step]") -> None:
    for step in steps:
        what = str(step)
        try:
            step.do()
        except OSError as error:
            complain(f"{what}: {error}")
            raise typer.Exit(1) from None


def _machine(folder: Path | None) -> "Machine":
    from bouncegate.admin.postfix.command import PostfixError, is_installed  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import read  # noqa: PLC0415
    from bouncegate.admin.setup.plan import Machine  # noqa: PLC0415

    if not is_installed():
        complain("Postfix is not installed: the folders of the sockets belong to its group")
        raise typer.Exit(os.EX_UNAVAILABLE)
    try:
        facts = read(folder)
    except PostfixError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    asking = (service for name in _ASKING for service in facts.services_of(name))
    return Machine(
        command=_command(),
        queue=facts.queue,
        chroot=any(service.chroot for service in asking),
        has_systemd=_SYSTEMD.is_dir(),
    )


def _command() -> Path:
    """Where the command lies, beside the Python that runs it, if it lies there."""
    beside = Path(sys.executable).with_name("bouncegate")
    found = shutil.which(sys.argv[0])
    return beside if beside.exists() or found is None else Path(found).absolute()


def _refuse_while_attached() -> None:
    from bouncegate.admin.postfix import backup  # noqa: PLC0415
    from bouncegate.admin.postfix.command import ask  # noqa: PLC0415

    names = ("config_directory", "multi_instance_directories")
    for word in ask(None, "postconf", "-h", *names).replace(",", " ").split():
        if backup.path_of(Path(word)).exists():
            complain(f"{word} still asks Bouncegate: bouncegate postfix disable -c {word}")
            raise typer.Exit(os.EX_UNAVAILABLE)
