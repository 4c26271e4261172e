"""The limits of the reader, each with its reason.

A bounce comes from the network and may be crafted to exhaust its reader. The reader ignores,
without an error, what exceeds a limit.
"""

from typing import Final

from bouncegate.config.text import LONGEST_LINE

# Octets of the message that are read. A notification precedes the message it returns, and Postfix
# returns at most 50,000 octets of that (bounce_size_limit); a status part of 4 MiB has more than
# ten thousand recipients.
MESSAGE: Final = 4 * 2**20

# Octets of a header block. Postfix stops at 102,400 (header_size_limit).
HEADER_BLOCK: Final = 128 * 2**10

# Nesting depth of parts. Real DSNs are at most three levels deep; Postfix allows 100
# (mime_nesting_limit), which no bounce needs.
DEPTH: Final = 8

# Parts of one message. A DSN has three (RFC 6522, 3), gateways add a few footers.
PARTS: Final = 64

# Octets of one part that are decoded as prose, and characters of a notice, which may have several
# such parts. Notices are a page long; the longest seen, with a transcript, had 60 kB.
PROSE: Final = 128 * 2**10

# Recipients of one report. Postfix accepts 1,000 per message (smtpd_recipient_limit), Exim and
# Sendmail accept any number.
RECIPIENTS: Final = 10_000

# Recipients of one report that a site may accept without proof: Postfix accepts at most as many per
# message (smtpd_recipient_limit).
BELIEVED: Final = 1000

# Recipients that an event about many recipients names: enough to recognise a mailing.
SHOWN_NAMES: Final = 5

# Characters of a diagnostic. RFC 5321, 4.5.3.1.5 limits a reply line to 512 octets; the longest
# multi-line replies of large providers have about 1,000.
DIAGNOSTIC: Final = 2048

# Characters of any other value that is kept, such as a message id.
VALUE: Final = LONGEST_LINE

# Characters of a code, such as a status of three numbers of three digits (RFC 3463, 2), an action
# (RFC 3464, 2.3.3), a phase or the name of a reader or rule: the longest of ours have some 40.
CODE: Final = 128

# Unknown fields that are kept for one recipient.
EXTRA_FIELDS: Final = 32

# Characters of an address: 64 + @ + 255 (RFC 5321, 4.5.3.1), doubled for source routes.
ADDRESS: Final = 640
