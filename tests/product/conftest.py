"""What the sentences of the product are tried on: a config with a store, and a milter."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.classifier.builder import dsn, failed
from tests.unit.cli.conftest import Command, bouncegate, config, mailed
from tests.unit.milter.conftest import daemon

__all__ = ["bouncegate", "config", "daemon", "mailed"]

Bounce = Callable[..., None]


@pytest.fixture
def receive(bouncegate: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Hands a message to `bouncegate receive`, as pipe(8) does."""

    def hand_over(raw: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        done = bouncegate("receive")
        assert done.code == 0, done.err

    return hand_over


@pytest.fixture
def bounced(config: Path, receive: Callable[[bytes], None]) -> Bounce:
    """Lets a DSN of some addresses come in, which counts although nothing proves it."""
    with config.open("a") as file:
        file.write('[return_path]\ncount = ["unverified"]\n')
    numbers = iter(range(1, 1000))

    def come_in(reply: str, *addresses: str, action: str = "failed") -> None:
        fields = {"Diagnostic_Code": f"smtp; {reply}", "Status": reply.split()[1], "Action": action}
        number = next(numbers)
        returned = f"Message-ID: <{number}@example.org>\nFrom: news@example.org\n"
        header = {"Message-ID": f"<d{number}@example.net>"}
        receive(dsn([failed(one, **fields) for one in addresses], returned=returned, header=header))

    return come_in
