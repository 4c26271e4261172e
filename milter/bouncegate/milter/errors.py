"""Why the milter cannot run, with the exit code (sysexits.h) that tells a script."""

import os


class MilterError(Exception):
    """The daemon cannot start or go on; the text says what to do."""

    def __init__(self, text: str, exit_code: int = os.EX_UNAVAILABLE) -> None:
        """`exit_code` is one of sysexits.h."""
        super().__init__(text)
        self.exit_code = exit_code
