"""What the process imports from which the calls of `terminals` are forked."""

import pkgutil
from importlib import import_module

import bouncegate.admin
import bouncegate.cli
import bouncegate.cli.main

# Another user may be unable to read the checkout: nothing is left to be imported.
for _package in (bouncegate.cli, bouncegate.admin):
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        if not _module.name.endswith("__main__"):
            import_module(_module.name)
import_module("rich.progress")
