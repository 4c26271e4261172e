"""The id of an address in a sheet: by it a row is known again after its address was corrected."""

from hashlib import blake2b
from typing import Final

# No vowels, so that it is no word in any language; no digits, so that it is no number or date.
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"
_LENGTH: Final = 14  # 60 bits: among a million addresses two alike are one in two million


def id_of(address: str) -> str:
    """The 14 letters that stand for a canonical address."""
    number = int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)
