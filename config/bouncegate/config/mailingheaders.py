"""Header fields by which sending programs name a mailing, as returned messages still have them.

They cost the send path nothing: a bounce brings the header of the message along. To know the sends
of a mailing too, the milter has to read the header of each message (`[ledger] mailing_headers`).
"""

from typing import Final

RETURNED: Final = (
    "x-campaign-id",
    "x-campaign",  # Mailchimp
    "x-campaignid",  # Mailchimp
    "x-mailing-id",
    "x-listmonk-campaign",  # listmonk, the UUID of the campaign
    "x-mailgun-campaign-id",  # Mailgun
    "x-mailjet-campaign",  # Mailjet, Send API
    "x-mailgun-tag",  # Mailgun
    "x-mc-tags",  # Mandrill
    "x-email-id",  # Mautic, the number of the mail
    "feedback-id",  # Gmail's feedback loop: several names and the sender's, so it comes last
)
"""In lower case; the first one that a message has is taken."""
