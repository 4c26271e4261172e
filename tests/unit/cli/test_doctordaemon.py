"""`doctor --daemon`: whether one daemon answers, as the health check of a container asks."""

import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Command


@pytest.fixture
def place(config: Path) -> Path:
    """The folder of the sockets."""
    lines = (
        f'[{section}]\nsocket = "unix:{config.parent}/{section}"\n'
        for section in ("return_path", "map")
    )
    config.write_text(config.read_text() + "".join(lines))
    return config.parent


def serve(listener: socket.socket) -> None:
    with closing(listener.accept()[0]) as peer:
        peer.sendall(b"220 lmtp\r\n")
        peer.recv(100)
        peer.sendall(b"221 bye\r\n")


def test_a_daemon_that_answers_is_well_although_others_do_not(
    bouncegate: Command, place: Path
) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(place / "return_path"))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        done = bouncegate("doctor", "--daemon", "return-path")
        server.join()
    assert "answers at" in done.out
    assert "milter" not in done.out


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["return-path", "map"])
def test_a_daemon_that_does_not_answer_is_an_error(bouncegate: Command, name: str) -> None:
    """Also the map, of which `doctor` tells in a note: here it was asked for."""
    assert bouncegate("doctor", "--daemon", name).code == 2


def test_a_daemon_that_does_not_exist_is_a_wrong_call(bouncegate: Command) -> None:
    done = bouncegate("doctor", "--daemon", "postfix")
    assert done.code == 2
    assert "milter, return-path, map" in done.err
