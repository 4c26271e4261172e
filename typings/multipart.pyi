"""What we use of multipart (https://multipart.readthedocs.io)."""

from collections.abc import Iterator
from typing import BinaryIO

class MultipartError(ValueError): ...

class MultipartPart:
    name: str
    filename: str | None
    raw: bytes

class MultipartParser:
    def __init__(
        self,
        stream: BinaryIO,
        boundary: str,
        content_length: int = ...,
        *,
        strict: bool = ...,
        part_limit: int = ...,
        spool_limit: int = ...,
        memory_limit: int = ...,
        disk_limit: int = ...,
    ) -> None: ...
    def __iter__(self) -> Iterator[MultipartPart]: ...

def parse_options_header(header: str) -> tuple[str, dict[str, str]]: ...
