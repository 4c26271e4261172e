"""What every command shares: the config file it was given, and the store that it names."""

import os
import pwd
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from bouncegate.config.loading import load
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.policy.fold import Policy
from bouncegate.store.store import Store


@dataclass
class Invocation:
    """One call of the command."""

    config: Path | None
    """The file that was named; None: the default one, if it exists."""

    @cached_property
    def settings(self) -> Settings:
        """The settings in force; raises ConfigError."""
        if self.config is None and not DEFAULT_FILE.exists():
            return Settings()
        return load(self.config or DEFAULT_FILE)

    @cached_property
    def policy(self) -> Policy:
        """The policy in force."""
        return Policy(self.settings.policy, self.settings.return_path.count)

    def open_store(self, *, readonly: bool = False) -> Store:
        """The store in force; raises StoreError."""
        return Store.open(self.settings.store, readonly=readonly)


def invocation_of(context: typer.Context) -> Invocation:
    """What the options before the command's name said."""
    assert isinstance(context.obj, Invocation)
    return context.obj


def operator() -> str:
    """Who asks: the person behind sudo(8), else the user."""
    return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
