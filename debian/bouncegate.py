#!/usr/bin/python3 -IS
"""The command, with its own libraries and no others."""

import sys

sys.path.insert(0, "/usr/lib/bouncegate")

from bouncegate.cli.main import main

main()
