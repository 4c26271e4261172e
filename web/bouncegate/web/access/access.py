"""All that is kept about who may use the page, in one environment."""

from typing import Final, Self

from bouncegate.config.settings import Settings
from bouncegate.web.access.accounts import Accounts
from bouncegate.web.access.environment import AccessEnvironment, open_access
from bouncegate.web.access.idempotency import Idempotency
from bouncegate.web.access.jobrecords import JobRecords
from bouncegate.web.access.sessions import Sessions, key_of
from bouncegate.web.access.tokens import Tokens


class Access:
    """The tables of the environment."""

    def __init__(self, environment: AccessEnvironment, settings: Settings) -> None:
        """Use an environment that is open."""
        web = settings.web
        self.accounts: Final = Accounts(environment)
        self.sessions: Final = Sessions(environment, web.session.after(0), web.idle.after(0))
        self.tokens: Final = Tokens(environment)
        self.idempotency: Final = Idempotency(environment)
        self.jobs: Final = JobRecords(environment)
        self.key: Final = environment.key
        """The secret by which forms are signed."""
        self.replaced: Final = environment.replaced
        self.close: Final = environment.close
        self.session_key: Final = key_of

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open it beside the store, and make it where there is none; raises StoreError."""
        return cls(open_access(settings.store), settings)
