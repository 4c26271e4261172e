"""`bouncegate milter`: the send path's daemon, in the foreground."""

from collections.abc import Callable

from bouncegate.cli.output import complain
from bouncegate.config.settings import Settings
from bouncegate.milter.errors import MilterError
from bouncegate.milter.supervisor import serve
from bouncegate.store.errors import StoreError


def run_milter(
    settings: Settings, tell: Callable[[str], None], load: Callable[[], Settings]
) -> int:
    """Run the daemon until SIGTERM; the exit code.

    `tell` tells the service manager how it fares; `load` gives the settings anew at SIGHUP.
    """
    try:
        return serve(settings, tell, load)
    except (MilterError, StoreError) as error:
        complain(str(error))
        return error.exit_code
