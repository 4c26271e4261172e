"""`bouncegate milter` with less patience than it has in earnest, so that tests need not wait.

Called as `python impatient.py SILENCE FAREWELL --config FILE milter`; the two are in seconds.
"""

import logging
import os
import sys
from pathlib import Path

from bouncegate.config.loading import load
from bouncegate.daemon.plan import Timeouts
from bouncegate.milter.supervisor import serve

if __name__ == "__main__":
    silence, drain_timeout, _, config, _ = sys.argv[1:]
    logging.basicConfig(level=logging.DEBUG)
    settings = load(Path(config))
    serve(
        settings,
        lambda _state: None,
        lambda: load(Path(config)),
        Timeouts(float(silence), float(drain_timeout)),
    )
    sys.exit(os.EX_OK)
