"""What each finer reason means; its general reason is in `taxonomy.FINER`.

A finer reason may differ from its general one in kind, category and blame: a relay that is denied
blames the sender, though a server that is configured wrongly blames the path.
"""

from typing import Final

from bouncegate.config.definition import Definition
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason

_HARD, _SOFT = Kind.HARD, Kind.SOFT
_RECIPIENT, _PATH, _SENDER, _NOBODY = Blame

FINER_REASONS: Final[dict[Reason, Definition]] = {
    Reason.ADDRESS_MALFORMED: Definition(
        33, _HARD, Category.ADDRESS, _RECIPIENT,
        "the recipient's system does not take the address as it is written",
        "Look for a typing error in the address.",
    ),
    Reason.MAILBOX_INACTIVE: Definition(
        34, _HARD, Category.ADDRESS, _RECIPIENT,
        "the mailbox was not used for so long that it no longer takes mail",
        "Ask the person for a current address by another way.",
    ),
    Reason.MAILBOX_SUSPENDED: Definition(
        35, _HARD, Category.ADDRESS, _RECIPIENT,
        "the provider has suspended the mailbox, for a bill that is not paid, say",
        "Ask the person by another way; the mailbox may come back.",
    ),
    Reason.SUPPRESSED: Definition(
        36, _HARD, Category.UNDEFINED, _RECIPIENT,
        "the sending service did not send, as the address is on its own suppression list",
        "See in the service why it is there; remove it there if the address works again.",
    ),
    Reason.NEW_ADDRESS: Definition(
        37, _HARD, Category.ADDRESS, _RECIPIENT,
        "the recipient has moved, and the reply names a new address",
        "Write to the new address if the person agrees.",
    ),
    Reason.MAIL_LOOP: Definition(
        38, _SOFT, Category.NETWORK, _PATH,
        "the message went round in a loop between servers",
        "The recipient's administrator must break the loop.",
    ),
    Reason.DNS_FAILURE: Definition(
        39, _SOFT, Category.NETWORK, _PATH,
        "the name servers of the recipient's domain gave no usable answer",
        "Try again later; ask the domain's administrator if it stays so.",
    ),
    Reason.SYNTAX_ERROR: Definition(
        40, _SOFT, Category.UNDEFINED, _PATH,
        "a server did not understand a command, or its order or argument",
        "Look at the SMTP dialogue in the log of the sending server.",
    ),
    Reason.SMTPUTF8_MISSING: Definition(
        41, _SOFT, Category.UNDEFINED, _PATH,
        "the next server does not support addresses that are not ASCII (RFC 6531)",
        "Use an ASCII address, of the sender as well.",
    ),
    Reason.RELAY_DENIED: Definition(
        42, _SOFT, Category.UNDEFINED, _SENDER,
        "the server does not take mail for this domain from this sender",
        "Check the MX records of the domain, and where your server sends its mail.",
    ),
    Reason.SYSTEM_FULL: Definition(
        43, _SOFT, Category.UNDEFINED, _PATH,
        "the disk or the memory of the recipient's system is full",
        "Try again later.",
    ),
    Reason.PROGRAM_ERROR: Definition(
        44, _SOFT, Category.UNDEFINED, _PATH,
        "a program that delivers mail at the recipient's system failed",
        "Try again later; tell the recipient's administrator if it stays so.",
    ),
    Reason.NOT_RFC_COMPLIANT: Definition(
        45, _HARD, Category.SECURITY, _SENDER,
        "the message breaks the standards: a header is missing, doubled or malformed",
        "Correct the program that writes the message (RFC 5322).",
    ),
    Reason.ATTACHMENT_REFUSED: Definition(
        46, _HARD, Category.SECURITY, _SENDER,
        "an attachment is of a type that is refused",
        "Send a link in place of the attachment.",
    ),
    Reason.IP_BLOCKED: Definition(
        47, _HARD, Category.SECURITY, _SENDER,
        "the sending IP address is blocked, mostly because a block list names it",
        "Find the list that the reply names, fix the cause, then ask to be delisted.",
    ),
    Reason.IP_REPUTATION: Definition(
        48, _HARD, Category.SECURITY, _SENDER,
        "the sending IP address has a bad reputation, or none yet",
        "Send less and to those who want it, until the reputation grows.",
    ),
    Reason.DOMAIN_REPUTATION: Definition(
        49, _HARD, Category.SECURITY, _SENDER,
        "the sending domain, or a link in the message, has a bad reputation",
        "Check the domains of sender and links with the lists that the reply names.",
    ),
    Reason.DYNAMIC_IP: Definition(
        50, _HARD, Category.SECURITY, _SENDER,
        "the sending IP address belongs to a dynamic or residential network",
        "Send through the mail server of your provider.",
    ),
    Reason.SPF_FAILED: Definition(
        51, _HARD, Category.SECURITY, _SENDER,
        "SPF does not permit the sending IP address to send for the domain",
        "Add the sending server to the SPF record of the domain of the return path.",
    ),
    Reason.DKIM_FAILED: Definition(
        52, _HARD, Category.SECURITY, _SENDER,
        "the DKIM signature is missing or not valid",
        "Check the signature and the key in DNS; let nothing alter signed mail.",
    ),
    Reason.DMARC_FAILED: Definition(
        53, _HARD, Category.SECURITY, _SENDER,
        "the domain of the From field has a DMARC policy that the message does not meet",
        "Let SPF or DKIM pass with the domain of the From field.",
    ),
    Reason.SENDER_UNAUTHENTICATED: Definition(
        54, _HARD, Category.SECURITY, _SENDER,
        "the message passes neither SPF nor DKIM, or the reply does not say which it lacks",
        "Set up SPF, DKIM and DMARC for the sending domain.",
    ),
    Reason.NO_REVERSE_DNS: Definition(
        55, _HARD, Category.SECURITY, _SENDER,
        "the sending IP address has no reverse name, or one that does not lead back to it",
        "Set a PTR record for the sending IP address, and an address record for that name.",
    ),
    Reason.HELO_REFUSED: Definition(
        56, _HARD, Category.SECURITY, _SENDER,
        "the name that the sending server gave in HELO or EHLO was refused",
        "Let the server give a full name that exists in DNS.",
    ),
    Reason.SENDER_ADDRESS_REFUSED: Definition(
        57, _HARD, Category.SECURITY, _SENDER,
        "the sender's address was refused: it does not exist, is malformed or unwanted",
        "Use a sender address that exists and takes mail.",
    ),
    Reason.SENDER_DOMAIN_REFUSED: Definition(
        58, _HARD, Category.SECURITY, _SENDER,
        "the domain of the sender's address was refused: it does not exist or takes no mail",
        "Check the MX and address records of the sending domain.",
    ),
    Reason.SENDER_NOT_PERMITTED: Definition(
        59, _HARD, Category.SECURITY, _SENDER,
        "the user or server may not send with this sender's address",
        "Send with an address that the account owns, or have the address admitted.",
    ),
    Reason.SENDER_ACCOUNT_BLOCKED: Definition(
        60, _HARD, Category.SECURITY, _SENDER,
        "the sending account is blocked, suspended or closed",
        "Ask the provider of the sending account.",
    ),
    Reason.AUTHENTICATION_REQUIRED: Definition(
        61, _HARD, Category.SECURITY, _SENDER,
        "the server demands a login (SMTP AUTH), or refused one",
        "Check user, password and port in the sending server.",
    ),
    Reason.RECIPIENT_RESTRICTED: Definition(
        62, _HARD, Category.SECURITY, _RECIPIENT,
        "the recipient takes mail only from some: members, colleagues, chosen senders",
        "Ask the recipient, or the owner of the group, to admit the sender.",
    ),
    Reason.BLOCKED_BY_RECIPIENT: Definition(
        63, _HARD, Category.SECURITY, _RECIPIENT,
        "the recipient has blocked this sender",
        "Take the address off the list.",
    ),
    Reason.TOO_MANY_CONNECTIONS: Definition(
        64, _SOFT, Category.LIMIT, _SENDER,
        "too many connections at once or in too short a time",
        "Lower the number of connections to this provider.",
    ),
    Reason.TOO_MANY_RECIPIENTS: Definition(
        65, _SOFT, Category.LIMIT, _SENDER,
        "the message has more recipients than the server takes at once",
        "Lower the number of recipients per message.",
    ),
    Reason.SENDING_QUOTA: Definition(
        66, _SOFT, Category.LIMIT, _SENDER,
        "the sending account or domain has used up its quota",
        "Wait until the quota is renewed, or have it raised.",
    ),
    Reason.RECIPIENT_RATE: Definition(
        67, _SOFT, Category.LIMIT, _SENDER,
        "the recipient gets mail faster than its provider allows",
        "Try again later; send less to this recipient.",
    ),
    Reason.UNSUBSCRIBED: Definition(
        68, Kind.COMPLAINT, Category.UNDEFINED, _RECIPIENT,
        "the recipient has asked for no more mail",
        "Take the address off the list.",
    ),
}  # fmt: skip
