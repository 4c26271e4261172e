"""Drop-ins are merged with the config file by table, and each problem names its file."""

from pathlib import Path

import pytest

from bouncegate.config.loading import load
from bouncegate.config.problems import ConfigError
from bouncegate.config.sources import drop_in_folder, sources_of, values_of


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    path = tmp_path / "bouncegate.toml"
    path.write_text('[milter]\nmode = "observe"\nworkers = 3\n')
    return path


def add(config: Path, name: str, text: str) -> Path:
    path = config.parent / "conf.d" / name
    path.write_text(text)
    return path


def problems(config: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        load(config)
    return [(Path(one.file).name, one.line, one.key) for one in caught.value.problems]


def test_drop_in_replaces_keys_and_leaves_the_rest_of_their_table(config: Path) -> None:
    add(config, "50-a.toml", '[milter]\nmode = "enforce"\n[reply]\ncode = 554\n')
    settings = load(config)
    assert (settings.milter.mode, settings.milter.workers) == ("enforce", 3)
    assert settings.reply.code == 554


def test_drop_ins_are_read_by_name_and_the_last_one_wins(config: Path) -> None:
    for number in ("90", "10", "50"):
        add(config, f"{number}.toml", f"[milter]\nworkers = {number[0]}\n")
    assert load(config).milter.workers == 9


def test_other_files_of_the_folder_are_not_read(config: Path) -> None:
    for name in (".hidden.toml", "50-a.toml.dpkg-new", "50-a.toml.tmp", "README", "a.toml~"):
        add(config, name, "[milter]\nworkers = 9\n")
    assert load(config).milter.workers == 3


def test_array_of_tables_is_replaced_as_a_whole(config: Path) -> None:
    row = '[[policy.row]]\nreason = "{}"\nlock = "never"\n'
    config.write_text(row.format("mailbox-full") + row.format("user-unknown"))
    add(config, "50.toml", row.format("host-unknown"))
    assert [one.reason for one in load(config).policy.row] == [("host-unknown",)]
    add(config, "50.toml", "\n\n" + row.format("nonsense"))
    assert problems(config) == [("50.toml", 4, "policy.row.1.reason")]


def test_problems_of_all_files_are_told_at_once_each_with_its_file(config: Path) -> None:
    config.write_text('[milter]\nmode = "x"\n')
    add(config, "10.toml", "[milter]\nworkers = 3\n\nworker = 1\n")
    add(config, "20.toml", "\n[store]\nmap_size = true\n")
    assert problems(config) == [
        ("bouncegate.toml", 2, "milter.mode"),
        ("10.toml", 4, "milter.worker"),
        ("20.toml", 3, "store.map_size"),
    ]


def test_contradiction_names_the_file_whose_key_is_in_force(config: Path) -> None:
    add(config, "10.toml", '[map]\nreturn_to_sender = true\n[maillog]\nsource = "journal"\n')
    config.write_text("[map]\nreturn_to_sender = true\n[ledger]\nenabled = false\n")
    assert ("10.toml", 2, "map.return_to_sender") in problems(config)


@pytest.mark.parametrize(
    ("octets", "line"), [(b"[milter\n", 1), (b"a = 1\n\xff = 2\n", 2), (b"[a]\nb = \n", 2)]
)
def test_file_that_is_no_toml_is_named_with_the_line(
    octets: bytes, line: int, config: Path
) -> None:
    (config.parent / "conf.d" / "10.toml").write_bytes(octets)
    add(config, "20.toml", "[b\n")
    assert problems(config)[0][:2] == ("10.toml", line)


def test_drop_in_that_is_no_file_is_named(config: Path) -> None:
    (config.parent / "conf.d" / "10.toml").mkdir()
    with pytest.raises(ConfigError, match=r"conf\.d/10\.toml: cannot read"):
        load(config)


def test_values_come_with_the_file_that_sets_them_and_what_they_replace(config: Path) -> None:
    one = add(config, "10.toml", "[milter]\nworkers = 1\n")
    two = add(config, "20.toml", '\n[milter]\nworkers = 2\n[exempt]\nsenders = ["a@"]\n')
    found = {value.key: value for value in values_of(sources_of(config))}
    assert list(found) == ["milter.mode", "milter.workers", "exempt.senders"]
    assert str(found["milter.mode"].place) == f"{config}:2"
    assert [str(place) for place in found["milter.workers"].replaced] == [f"{config}:3", f"{one}:2"]
    assert (found["milter.workers"].value, found["milter.workers"].place.file) == (2, str(two))


def test_another_config_file_has_a_folder_of_its_own(config: Path) -> None:
    """A copy that is tried must not take the drop-ins of the one in force."""
    add(config, "10.toml", "[milter]\nworkers = 1\n")
    copy = config.with_name("new.toml")
    copy.write_text(config.read_text())
    assert load(copy).milter.workers == 3
    folder = drop_in_folder(copy)
    assert folder.name == "new.d"
    folder.mkdir()
    (folder / "a.toml").write_text("[milter]\nworkers = 2\n")
    assert load(copy).milter.workers == 2


def test_drop_ins_are_read_where_there_is_no_config_file(config: Path) -> None:
    add(config, "10.toml", "[milter]\nworkers = 1\n")
    config.unlink()
    assert len(sources_of(config, optional=True)) == 1
    with pytest.raises(ConfigError, match="No such file"):
        sources_of(config)
