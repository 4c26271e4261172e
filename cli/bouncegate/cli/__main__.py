"""`python -m bouncegate.cli` is the same as `bouncegate`."""

from bouncegate.cli.main import main

main()
