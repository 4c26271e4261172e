"""The two languages, and a text of one of them."""

from typing import Literal, NamedTuple

Language = Literal["en", "de"]


class Text(NamedTuple):
    """One text in both languages; fields in braces stand for values."""

    en: str
    de: str

    def say(self, language: Language, **values: object) -> str:
        """The text with its values."""
        words = self.de if language == "de" else self.en
        return words.format(**values) if values else words


class Said(NamedTuple):
    """What is to be told, before it is known in which language: a key of the table, and values."""

    key: str
    values: dict[str, object]
