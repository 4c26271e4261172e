"""Whether a person, a help desk, an issue tracker or a monitor wrote a message that tells of a
failure.

They quote a bounce, or repeat the subject of one, and so name an address that bounced, or that did
not: the bounce itself has already been counted. A mail system that reports a failure signs as one,
or writes a report (RFC 3464), or has the null return path (RFC 5321, 4.5.5).
"""

from typing import Final

from bouncegate.classifier.addresses import first_address
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.message import Message
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.subjects import IS_FORWARDED, IS_NOTICE, IS_TICKET

# How the names of fields begin that only a help desk, a tracker, a monitor or a forum writes.
_DESKS: Final = (
    "x-freescout", "x-zammad", "x-otrs", "x-znuny", "x-rt-", "rt-ticket", "x-jira", "x-atlassian",
    "x-github", "x-gitlab", "x-gitea", "x-forgejo", "x-redmine", "x-zendesk", "x-freshdesk",
    "x-freshservice", "x-helpscout", "x-help-scout", "x-osticket", "x-kayako", "x-intercom",
    "x-front-", "x-hubspot", "x-servicenow", "x-bugzilla", "x-debian-pr", "x-launchpad",
    "x-phabricator", "x-trac-", "x-mantis", "x-youtrack", "x-glpi", "x-itop", "x-uvdesk",
    "x-helpdesk", "x-ticket", "x-odoo", "x-nagios", "x-icinga", "x-zabbix", "x-prtg",
    "x-pagerduty", "x-opsgenie", "x-sentry", "x-grafana", "x-prometheus", "x-checkmk", "x-cron-env",
    "x-discourse", "x-trello", "x-asana", "x-basecamp", "x-salesforce", "x-sfdc", "x-espocrm",
    "x-vtiger", "x-suitecrm", "x-dynamics",
)  # fmt: skip
# The same programs, where they sign as the mailer.
_DESK_MAILERS: Final = Phrases(
    (
        (
            r"zendesk|freshdesk|freshservice|help ?scout|otrs|znuny|zammad|osticket|kayako|jira"
            r"|redmine|request tracker|bugzilla|phabricator|servicenow|glpi|hubspot|intercom"
            r"|front ?app|zabbix|nagios|icinga|help ?desk"
        ),
    )
)
# Programs in which people write mail.
_CLIENTS: Final = Phrases(
    (
        (
            r"thunderbird|outlook|apple mail|iphone|ipad|android|the bat!|evolution|kmail|mutt"
            r"|claws|sylpheed|em ?client|airmail|roundcube|horde|squirrelmail|zimbra|k-9|fairemail"
            r"|gnus|postbox|eudora|windows live mail|yahoomail|open-?xchange|sogo|rainloop"
        ),
    )
)
# Addresses at which a desk takes mail, and from which it writes.
_OFFICES: Final = Phrases(
    (
        (
            r"^(?:support|help|helpdesk|help-?desk|service|servicedesk|desk|care|customer\w*|info"
            r"|contact|kontakt|hilfe|kundendienst|kundenservice|soporte|ayuda|suporte|assistenza"
            r"|assistance|aide|sav|tickets?|jira|otrs|rt|issues?|bugs?|abuse|noc|it|office)@"
        ),
    )
)
_DAEMONS: Final = Phrases((r"^(?:mailer-?daemon|post-?master|mail-?daemon|mdaemon|bounces?)@",))
_ANSWERS: Final = frozenset({"in-reply-to", "references"})
_LISTS: Final = frozenset({"list-id", "list-unsubscribe"})
# RFC 3834, 5
_AUTOMATIC: Final = ("auto-replied", "auto-generated")
_NULL: Final = frozenset({"", "<>"})


def is_correspondence(message: Message, found: list[int], *, is_daemon: bool) -> bool:
    """Whether the message is no notice of a mail system, although its subject looks like one.

    `found` is what its subject says; `is_daemon`: whether the author calls itself a mail system.
    """
    fields = message.fields
    if _is_of_desk(fields):
        return True
    if is_own_path(fields):
        return _has_author(message, found, is_daemon=is_daemon)
    return not is_daemon and _is_answer_or_copy(fields, found)


def _has_author(message: Message, found: list[int], *, is_daemon: bool) -> bool:
    """Whether a message that could bounce itself is no notice of a mail system."""
    if not _LISTS.isdisjoint(message.fields.names):
        # A list passes on the bounce of a member.
        return not is_daemon and IS_NOTICE not in found
    if not is_daemon or (IS_FORWARDED in found and _is_from_person(message.fields)):
        return True
    # A desk writes in the name of its customer, and the customer may be a daemon.
    address = _address(message)
    return not _DAEMONS.occur(address) and (IS_TICKET in found or _OFFICES.occur(address))


def _is_answer_or_copy(fields: Fields, found: list[int]) -> bool:
    """Whether a person answers or forwards a notice, or a program confirms that it got one."""
    submitted = fields.get("auto-submitted").lower()
    return (
        IS_TICKET in found
        or IS_FORWARDED in found
        or ("list-unsubscribe" in fields and IS_NOTICE not in found)
        or ("return-path" not in fields and _is_from_person(fields))
        or (submitted.startswith(_AUTOMATIC) and IS_NOTICE not in found)
    )


def is_handed_on(message: Message, found: list[int]) -> bool:
    """Whether somebody forwards the parts of a report in a message of his own."""
    path = message.fields.get("return-path")
    is_forwarded = IS_FORWARDED in found and path != "<>" and not _DAEMONS.occur(_address(message))
    return is_forwarded or _is_of_desk(message.fields)


def is_own_path(fields: Fields) -> bool:
    """Whether a bounce of the message would come to somebody (RFC 5321, 4.5.5)."""
    path = fields.get("return-path").lower()
    return path not in _NULL and "mailer-daemon" not in path


def _is_of_desk(fields: Fields) -> bool:
    own = (name for name in fields.names if name[:2] in {"x-", "rt"})
    return any(name.startswith(_DESKS) for name in own) or (
        "x-mailer" in fields and _DESK_MAILERS.occur(fields.get("x-mailer"))
    )


def _address(message: Message) -> str:
    return first_address(message.author) or message.author


def _is_from_person(fields: Fields) -> bool:
    """Whether it answers a message (RFC 5322, 3.6.4), or was written in a program for people."""
    client = f"{fields.get('user-agent')} {fields.get('x-mailer')}"
    return not _ANSWERS.isdisjoint(fields.names) or _CLIENTS.occur(client)
