"""Whether a notice in prose tells of a delay only: the message is still in a queue."""

import re
from typing import Final

from bouncegate.classifier.notification import Notification

_SUBJECT: Final = re.compile(
    r"\bdelay(?:ed)?\b|warning: (?:could not send|message|delayed)|\(warning\)|still trying|not (?:yet )?delivered (?:for|after) \d"
    r"|verzögert|verspätet|retard[ée]|retras|задерж|opóźnion|遅延|延迟|could not send message for past",
    re.IGNORECASE,
)
_TEXT: Final = re.compile(
    r"warning (?:message )?only|do not need to resend|no action is required|will (?:be retried|keep trying|continue (?:to try|trying)|try again|retry)"
    r"|has been delayed|delivery attempts will continue|is still (?:trying|in the queue)|not yet been delivered|will be (?:re-?)?attempted"
    r"|delivery (?:is|was) delayed|temporary problem[^.]{0,80}retr|weiterhin versuch|erneut versuch|sera (?:à nouveau )?(?:réessay|tent)",
    re.IGNORECASE,
)
_FINAL: Final = re.compile(
    r"permanent|failed permanently|gave up|given up|giving up|undeliverable|returned to sender|fatal|could not be delivered for"
    r"|will be deleted|has been (?:removed|deleted)|no further attempts|too long",
    re.IGNORECASE,
)


def is_delay(notification: Notification) -> bool:
    """Whether the notice says that delivery goes on, and not that it has ended."""
    if _SUBJECT.search(notification.message.subject):
        return True
    notice = notification.notice
    return bool(_TEXT.search(notice)) and not _FINAL.search(notice)
