"""`check-config` tells which file a value comes from."""

from pathlib import Path

from .conftest import Command


def test_check_config_shows_what_drop_ins_set_and_what_they_replace(
    config: Path, bouncegate: Command
) -> None:
    assert "reply.code" not in bouncegate("check-config").out
    with config.open("a") as file:
        file.write("[reply]\ncode = 550\n")
    assert "reply.code" not in bouncegate("check-config").out
    drop_in = config.parent / "conf.d/50.toml"
    drop_in.parent.mkdir()
    drop_in.write_text('[reply]\ncode = 554\nurl = "https://a.example/"\n')
    done = bouncegate("check-config")
    assert done.code == 0
    assert f"{drop_in}:2: reply.code = 554 (replaces {config}:5)\n" in done.out
    assert f'{drop_in}:3: reply.url = "https://a.example/"\n' in done.out
    assert "store.path" not in done.out


def test_check_config_shows_every_key_that_is_set_when_asked(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write('[[policy.row]]\nreason = "mailbox-full"\nlock = "never"\n')
    out = bouncegate("check-config", "--values").out
    assert f'{config}:3: store.map_size = "64 MiB"\n' in out
    assert f"{config}:4: policy.row = 1 table\n" in out
