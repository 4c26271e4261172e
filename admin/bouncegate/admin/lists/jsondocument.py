"""A JSON document read value by value, so that its size does not matter (RFC 8259).

Exports of mail services are one array of objects, or one object that holds it; hundreds of
megabytes of them are read in the memory of one object and what was read ahead.
"""

import codecs
import json
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final

from bouncegate.admin.lists.textform import CsvError

LARGEST: Final = 2**20
"""Characters of one value: an object of the array, or what stands beside it."""
_AHEAD: Final = 2**16
_BLANK: Final = " \t\n\r"


def objects_of(octets: BinaryIO) -> Iterator[object]:
    """The items of the document's array, or of the first array of objects in its object.

    What comes behind them is read too: a document that was cut short raises CsvError at its end,
    as does anything that is no JSON, and one without such an array.
    """
    text = _Text(octets)
    if text.peek() == "[":
        yield from text.array()
    elif not (yield from _in_object(text)):
        raise CsvError("no array of objects in the JSON")
    if text.peek():
        raise CsvError(f"invalid JSON: more behind the document, at character {text.place}")


def _in_object(text: "_Text") -> Generator[object, None, bool]:
    """The items of the first array of objects; returns whether there was one."""
    found = False
    text.take("{")
    while text.peek() != "}":
        if not isinstance(text.value(), str):
            raise CsvError(f"invalid JSON: no name before character {text.place}")
        text.take(":")
        if text.peek() != "[":
            text.value()
        else:
            items = text.array()
            first = next(items, None)
            if isinstance(first, dict) and not found:
                found = True
                yield first
                yield from items
            for _ in items:
                pass  # of another array
        if text.peek() == ",":
            text.take(",")
        elif text.peek() != "}":
            text.take("}")
    text.take("}")
    return found


class _Text:
    """What was read of a document and is not used yet."""

    def __init__(self, octets: BinaryIO) -> None:
        self._octets = octets
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._scan = json.JSONDecoder(parse_constant=_no_number).raw_decode
        self._window = ""
        self._used = 0
        self._before = 0
        self._is_whole = False

    @property
    def place(self) -> int:
        """How many characters are used."""
        return self._before + self._used

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._used < len(self._window):
                character = self._window[self._used]
                if character not in _BLANK:
                    return character
                self._used += 1
            if not self._more(_AHEAD):
                return ""

    def take(self, expected: str) -> None:
        """Go behind a character that has to come next."""
        found = self.peek()
        if found != expected:
            what = f"{found!r}" if found else "the end"
            raise CsvError(f"invalid JSON: {what} in place of {expected!r}, character {self.place}")
        self._used += 1

    def array(self) -> Iterator[object]:
        """The items of an array that comes next."""
        self.take("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() == ",":
                self.take(",")
                if self.peek() == "]":
                    raise CsvError(f"invalid JSON: no item behind ',', character {self.place}")
            elif self.peek() != "]":
                self.take("]")
        self.take("]")

    def value(self) -> object:
        """A value that comes next."""
        self.peek()
        ahead = _AHEAD
        while True:
            try:
                found, end = self._scan(self._window, self._used)
                if end < len(self._window) or self._is_whole:  # a number may go on
                    self._used = end
                    return found
                fault = ""
            except (ValueError, RecursionError) as error:
                fault = str(error).partition(":")[0]
            if len(self._window) - self._used > LARGEST:
                raise CsvError(
                    f"invalid JSON: {fault or 'a value is too long'}, {self._of_value()}"
                )
            if not self._more(ahead) and fault:
                raise CsvError(f"invalid JSON: {fault}, {self._of_value()}")
            ahead *= 2

    def _of_value(self) -> str:
        return f"in the value at character {self.place}"

    def _more(self, characters: int) -> bool:
        """Read ahead; whether there was anything."""
        if self._is_whole:
            return False
        octets = self._octets.read(characters)
        try:
            text = self._decode(octets, final=not octets)
        except UnicodeDecodeError as error:
            raise CsvError(f"invalid JSON: {error}") from None
        self._is_whole = not octets
        self._before += self._used
        self._window, self._used = self._window[self._used :] + text, 0
        return not self._is_whole


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
