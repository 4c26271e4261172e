"""Addresses below the return domain by which an administrator's probe shows that both paths work.

They hold for clients of this machine alone: for all others they are addresses without a token.
"""

from typing import Final

ASKED: Final = "bouncegate-probe"
"""The local part that the milter refuses whatever its mode is, and says what that is."""
TAKEN: Final = "bouncegate-return-probe"
"""The local part whose messages the return path takes without counting them."""
FIELD: Final = "X-Bouncegate-Probe"
"""The header field of such a message; its value is 32 hexadecimal digits."""
STAMP: Final = "probe"
"""The file in the store's folder into which the return path writes them."""
BELIEVED: Final = "believed"
"""What it writes behind them where forged Authentication-Results have arrived with the message."""
SIGNED: Final = "b-" + "a" * 56
"""A local part of the form that signed return paths have, to ask Postfix's tables for."""
SENDER: Final = "from="
"""What it writes before the envelope sender that such a message has arrived with, if it has one."""
