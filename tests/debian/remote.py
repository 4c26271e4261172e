"""A server elsewhere that knows no mailbox whose name has "gone" in it: `python remote.py PORT`."""

import signal
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _Mailboxes:
    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if "gone" in address:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return "250 2.0.0 taken"


if __name__ == "__main__":
    Controller(_Mailboxes(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
    print("ready", flush=True)
    signal.pause()
