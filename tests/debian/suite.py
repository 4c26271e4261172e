"""The releases of Debian and Ubuntu that a package is tried on, and their clean roots."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_SECONDS: Final = 900
_KEYRING: Final = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
_UBUNTU: Final = frozenset({"jammy", "noble", "questing", "resolute"})
# What debootstrap does for these; its list of suites is as old as itself.
_SCRIPT: Final = {True: "gutsy", False: "sid"}
# What the package does not depend on, but a mail server has.
_BESIDES: Final = ("postfix-lmdb",)


def this_machine_s() -> str:
    """The name of the release that this machine runs."""
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


class Suite(NamedTuple):
    """One release, by its name: "bookworm"."""

    name: str

    @property
    def is_ubuntu(self) -> bool:
        """Whether it is one of Ubuntu's."""
        return self.name in _UBUNTU

    def make_root(self, folder: Path, packages: Sequence[str] = ()) -> None:
        """A root with packages besides the least that there is; takes half a minute."""
        options = ["--variant=minbase", "--components=main"]
        if self.is_ubuntu:
            options = ["--variant=minbase", "--components=main,universe"]
            options.append(f"--keyring={_ubuntu_keyring(folder.parent)}")
        if packages:
            options.append(f"--include={','.join(packages)}")
        script = f"/usr/share/debootstrap/scripts/{_SCRIPT[self.is_ubuntu]}"
        # Without a mirror, debootstrap takes the one that its script has for such a release.
        argv = ["debootstrap", *options, self.name, str(folder), self._mirror(), script]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_SECONDS, check=False
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise RuntimeError(f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        _trust_what_this_machine_trusts(folder)

    def _mirror(self) -> str:
        """Where this machine gets packages of such a release from; "" if it gets none."""
        if told := os.environ.get("BOUNCEGATE_MIRROR"):
            return told
        origin = "Ubuntu" if self.is_ubuntu else "Debian"
        targets = ("Created-By: Packages", f"Origin: {origin}")
        done = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)", *targets],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        # A mirror of security updates alone has not all that a root needs.
        return next((site for site in done.stdout.split() if "security" not in site), "")


def needed(package: Path) -> tuple[str, ...]:
    """What a package depends on by name, so that nothing has to be fetched to install it."""
    fields = subprocess.run(
        ["dpkg-deb", "-f", package, "Depends", "Recommends"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = re.findall(r"(?:^\w+:|,)\s*([a-z0-9][a-z0-9.+-]+)", fields, re.MULTILINE)
    return (*(name for name in names if name != "debconf"), *_BESIDES)


def _ubuntu_keyring(beside: Path) -> Path:
    """Ubuntu's keys: this machine's, or those that Debian 13 has as a package."""
    if _KEYRING.exists():
        return _KEYRING
    kept = beside / _KEYRING.name
    if not kept.exists():
        debian = beside / "keys"
        Suite("trixie").make_root(debian)
        script = "cd /root && apt-get update -qq && apt-get download -qq ubuntu-keyring"
        subprocess.run(["chroot", debian, "/bin/sh", "-ec", script], check=True, timeout=_SECONDS)
        (found,) = (debian / "root").glob("ubuntu-keyring_*.deb")
        subprocess.run(["dpkg-deb", "-x", found, debian / "root"], check=True)
        shutil.copy(debian / "root" / _KEYRING.relative_to("/"), kept)
        shutil.rmtree(debian)
    return kept


def _trust_what_this_machine_trusts(root: Path) -> None:
    """A proxy's own certificate, for one."""
    own = Path("/usr/local/share/ca-certificates")
    if own.is_dir():
        shutil.copytree(own, root / own.relative_to("/"), dirs_exist_ok=True)
