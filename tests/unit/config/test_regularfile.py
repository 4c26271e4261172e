"""What stands where a file should be: an error at once, whoever looks, and never a wait."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bouncegate.config.loading import load, loads
from bouncegate.config.problems import ConfigError
from bouncegate.config.regularfile import LARGEST_FILE, open_regular, read_regular
from bouncegate.config.rules import load_rules
from bouncegate.store.tokens.keys import KeyFile, KeyFileError


def a_socket(path: Path) -> None:
    there = socket.socket(socket.AF_UNIX)
    there.bind(str(path))
    there.close()


def a_sparse_giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def a_link_to_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_suffix(".fifo"))
    path.symlink_to(path.with_suffix(".fifo"))


PUT: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "socket": a_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "link to nowhere": lambda path: path.symlink_to("/nowhere/at/all"),
    "link to itself": lambda path: path.symlink_to(path),
    "fifo behind a link": a_link_to_a_fifo,
    "file of a terabyte": a_sparse_giant,
}


@pytest.fixture(params=PUT)
def thing(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return PUT[request.param]


def test_a_config_file_that_is_none_is_an_error(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    thing(path := tmp_path / "bouncegate.toml")
    with pytest.raises(ConfigError, match=r"bouncegate\.toml: cannot read the config file: "):
        load(path)


def test_a_rules_file_that_is_none_is_an_error(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    thing(tmp_path / "own.toml")
    with pytest.raises(ConfigError, match=r"own\.toml: cannot read the file: "):
        load_rules(tmp_path)


def test_a_rules_folder_that_is_none_is_an_error(
    tmp_path: Path, thing: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    thing(folder := tmp_path / "rules.d")
    if folder.is_dir():
        assert load_rules(folder) == load_rules(None)
        return
    with pytest.raises(ConfigError, match=r"rules\.d: cannot read the folder of rules: "):
        load_rules(folder)


def test_a_key_file_that_is_none_is_an_error(tmp_path: Path, thing: Callable[[Path], None]) -> None:
    thing(path := tmp_path / "keys")
    if not path.is_file():
        with pytest.raises((KeyFileError, FileNotFoundError)):
            KeyFile(path, 1)


@pytest.mark.parametrize("name", [name for name in PUT if name not in ("folder", "terminal")])
@pytest.mark.parametrize("place", ["config", "rules", "keys"])
@pytest.mark.parametrize("command", ["check-config", "return-path"])
def test_commands_and_daemons_end_at_what_is_no_file(
    tmp_path: Path, name: str, place: str, command: str
) -> None:
    if (place, command, name) == ("keys", "check-config", "file of a terabyte"):
        pytest.skip("check-config does not read keys, which it may not")
    config, rules, store = tmp_path / "c.toml", tmp_path / "rules.d", tmp_path / "store"
    rules.mkdir()
    store.mkdir()
    config.write_text(
        f'[store]\npath = "{store}"\nmap_size = "16 MiB"\n[rules]\nfolder = "{rules}"\n'
        f'[return_path]\nsocket = "unix:{tmp_path}/r.sock"\ndomain = "r.example.org"\n'
        '[ledger]\nmax_size = "16 MiB"\n'
    )
    if place == "config":
        config.unlink()
    PUT[name]({"config": config, "rules": rules / "x.toml", "keys": store / "keys"}[place])
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), command]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert done.returncode == os.EX_CONFIG, done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_file_is_read_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * LARGEST_FILE)
    assert len(read_regular(path, LARGEST_FILE)) == LARGEST_FILE
    with pytest.raises(OSError, match="larger than 10 octets"):
        read_regular(path, 10)


def test_what_a_shell_hands_over_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"ann@example.com\n")
    os.close(writing)
    with open_regular(Path(f"/dev/fd/{reading}")) as file:
        assert file.read() == b"ann@example.com\n"
    os.close(reading)


@pytest.mark.parametrize(
    "key",
    [
        'store.path = "/var/\\u0000x"',
        'milter.socket = "unix:/run/\\u0000x"',
        'milter.socket = "\\u0000"',
        'return_path.socket = "unix:/run/x\\u0000"',
        'rules.folder = "/etc/\\u0000"',
        'metrics.textfile = "/var/x\\u0000.prom"',
        'metrics.listen = "unix:/run/\\u0000"',
        'maillog.file = "/var/log/\\u0000"',
        'outbound.daemon_names = ["a\\u0000b"]',
    ],
)
def test_a_nul_in_a_value_is_a_fault_of_its_key(key: str) -> None:
    with pytest.raises(ConfigError, match="contains a NUL") as caught:
        loads(key + "\n")
    assert caught.value.problems[0].key == key.split(" ", maxsplit=1)[0]
