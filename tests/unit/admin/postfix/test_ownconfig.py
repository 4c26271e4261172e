"""`postfix enable` keeps its own settings in a drop-in, beside those of the administrator."""

import shutil
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.stores import open_store
from tests.unit.admin.postfix.place import Make, Place
from tests.unit.admin.postfix.sites import Site
from tests.unit.cli.conftest import Command

from bouncegate.config.loading import load

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")

Pair = tuple[Place, Callable[..., str]]
SIGNED = '[return_path]\nsign = "own"\nown_domains = ["old.example"]\n'


def drop_in(here: Place) -> dict[str, dict[str, object]]:
    return tomllib.loads(here.drop_in.read_text())


def other(here: Place, name: str, text: str) -> Path:
    path = here.drop_in.with_name(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_lines_that_an_earlier_version_wrote_into_the_config_file_stay_in_force(
    place: Make,
) -> None:
    here = place(Site(settings='[milter]\nmode = "observe"\n'))
    assert here.enable()[0] == 0
    assert not here.drop_in.exists(), "nothing to change there"
    assert here.enable("--enforce")[0] == 0
    assert load(here.config).milter.mode == "enforce"
    assert 'mode = "observe"' in here.config.read_text()
    assert here.disable()[0] == 0
    assert load(here.config).milter.mode == "observe"


def test_a_later_file_that_sets_the_mode_is_named_and_nothing_is_changed(place: Make) -> None:
    here = place(Site())
    later = other(here, "90-site.toml", '[milter]\nmode = "enforce"\n')
    files = here.files()
    code, said = here.enable()
    assert code == 78, said
    assert "50-postfix-enable.toml cannot change [milter] mode: a later file sets it" in said
    assert here.files() == files
    later.unlink()
    other(here, "10-site.toml", '[milter]\nmode = "enforce"\n')
    assert here.enable()[0] == 0
    assert load(here.config).milter.mode == "observe"
    assert here.disable()[0] == 0
    assert [path.name for path in here.drop_in.parent.iterdir()] == ["10-site.toml"]


def test_what_somebody_added_to_the_drop_in_is_kept(place: Make) -> None:
    here = place(Site())
    assert here.enable()[0] == 0
    with here.drop_in.open("a") as file:
        file.write("workers = 1 # few\n[reply]\ncode = 554\n")
    assert here.enable("--enforce")[0] == 0
    assert drop_in(here) == {"milter": {"mode": "enforce", "workers": 1}, "reply": {"code": 554}}
    code, said = here.disable()
    assert code == 0, said
    assert "few" in here.drop_in.read_text()
    assert load(here.config).reply.code == 554


def test_chosen_domains_are_signed_and_no_other(place: Make) -> None:
    here = place(Site())
    code, said = here.enable("--sign-domain", "News.example.com", "--sign-domain", "b.example")
    assert code == 0, said
    assert drop_in(here)["return_path"] == {
        "sign": "own",
        "own_domains": ["news.example.com", "b.example"],
    }
    assert "all senders are signed" not in said
    assert (
        "nothing to change"
        in here.enable("--sign-domain", "news.example.com", "--sign-domain", "b.example")[1]
    )
    assert here.enable("--sign-all")[0] == 0
    assert load(here.config).return_path.sign == "all"
    assert here.disable()[0] == 0
    assert not here.drop_in.parent.exists()


@pytest.fixture
def pair(place: Make, tmp_path: Path, bouncegate: Command) -> Pair:
    """Two instances of Postfix that use the same daemons."""
    here = place(Site())
    other = tmp_path / "etc out"
    shutil.copytree(here.folder, other)

    def run(which: str, name: str, *options: str) -> str:
        folder = str({"first": here.folder, "second": other}[which])
        done = bouncegate("postfix", name, "-c", folder, "--no-reload", "--yes", *options)
        assert done.code == 0, done.out + done.err
        return done.out

    return here, run


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize(
    "last",
    [("first", "--enforce"), ("second", "--enforce"), ("second",), ("second", "--sign-all")],
    ids=" ".join,
)
def test_the_drop_in_stays_until_the_last_instance_is_detached(
    pair: Pair, order: tuple[str, str], last: tuple[str, ...]
) -> None:
    here, run = pair
    files = here.files()
    run("first", "enable")
    run("second", "enable")
    run(last[0], "enable", *last[1:])
    settings = load(here.config)
    said = run(order[0], "disable")
    assert f"{here.drop_in} stays: " in said
    assert load(here.config) == settings
    assert ".toml stays: " not in run(order[1], "disable")
    assert not here.drop_in.parent.exists()
    assert here.files() == files


def test_what_somebody_added_is_kept_when_the_last_instance_is_detached(pair: Pair) -> None:
    here, run = pair
    run("first", "enable")
    with here.drop_in.open("a") as file:
        file.write("[reply]\ncode = 554\n")
    run("second", "enable", "--enforce")
    run("first", "disable")
    assert load(here.config).milter.mode == "enforce"
    run("second", "disable")
    assert tomllib.loads(here.drop_in.read_text()).get("milter", {}) == {}
    assert load(here.config).reply.code == 554


def test_an_instance_that_is_attached_again_takes_the_drop_in_over(pair: Pair) -> None:
    here, run = pair
    run("first", "enable")
    run("second", "enable")
    run("first", "disable")
    run("first", "enable")
    run("second", "disable")
    assert here.drop_in.exists()
    run("first", "disable")
    assert not here.drop_in.exists()


@pytest.mark.parametrize(
    "options",
    [("--sign-domain", "no domain"), ("--sign-domain", "a.example", "--sign-all")],
)
def test_options_that_make_no_sense_change_nothing(options: tuple[str, ...], place: Make) -> None:
    here = place(Site())
    files = here.files()
    assert here.enable(*options)[0] == 2
    assert here.files() == files


def test_bounces_go_to_the_original_sender_too(place: Make) -> None:
    here = place(Site(settings='[map]\nsocket = "unix:{queue}/bouncegate/map.sock"\n'))
    files = here.files()
    code, said = here.enable("--return-to-sender")
    assert code == 0, said
    assert "no longer told" not in said
    assert here.value("virtual_alias_maps") == "socketmap:unix:bouncegate/map.sock:return"
    assert load(here.config).map.return_to_sender
    assert "nothing to change" in here.enable("--return-to-sender")[1]
    assert "nothing to change" in here.enable("--no-return-to-sender")[1]
    assert here.disable()[0] == 0
    assert here.files() == files


def test_a_table_that_was_attached_by_hand_is_not_attached_twice(place: Make) -> None:
    by_hand = "hash:/etc/aliases, socketmap:unix:bouncegate/map.sock:return"
    here = place(
        Site(
            main=f"compatibility_level = 3.6\nvirtual_alias_maps = {by_hand}\n",
            settings='[map]\nsocket = "unix:{queue}/bouncegate/map.sock"\n',
        )
    )
    assert here.enable("--return-to-sender")[0] == 0
    assert here.value("virtual_alias_maps") == by_hand


def test_no_table_is_attached_while_the_map_does_not_answer(place: Make) -> None:
    """All mail would wait for it."""
    here = place(Site(settings='[map]\nsocket = "unix:{queue}/bouncegate/map.sock"\n'))
    files = here.files()
    for option in ("--return-to-sender", "--map"):
        code, said = here.run("enable", "--yes", option)
        assert code == 78, said
        assert "the map does not answer at" in said
        assert "systemctl start bouncegate-map" in said
    assert here.files() == files


def test_a_check_shows_the_change_and_makes_none(place: Make) -> None:
    here = place(Site())
    files = here.files()
    code, said = here.run("enable", "--check")
    assert code == 2
    assert "+smtpd_milters = $bouncegate_milter" in said
    assert f"+++ {here.drop_in}" in said
    assert '+mode = "observe"' in said
    assert here.files() == files
    assert here.enable()[0] == 0
    code, said = here.run("enable", "--check")
    assert (code, "nothing to change, mode observe" in said) == (0, True), said
    assert here.run("enable", "--check", "--enforce")[0] == 2
    assert here.run("enable", "--check", "--sign-domain", "a.example")[0] == 2


def test_the_audit_tells_who_changed_what(place: Make) -> None:
    here = place(Site())
    code, said = here.enable()
    assert code == 0
    assert "not in the audit: there is no store" in said
    assert not (here.config.parent / "store/data.mdb").exists(), "root never makes the store"
    open_store(here.config.parent / "store").close()
    assert here.enable("--enforce", "--why", "after a week", "--by", "ann")[0] == 0
    assert here.disable()[0] == 0
    with closing(open_store(here.config.parent / "store")) as store:
        last, first = sorted(store.audits.entries(), key=lambda one: one.command)
    assert (first.by, first.why) == ("ann", "after a week")
    assert first.command == f"postfix enable --postfix {here.folder}"
    assert first.changed == f'{here.drop_in}: -mode = "observe" | +mode = "enforce"'
    assert last.command.startswith("postfix disable")
    assert "main.cf: -" in last.changed
    assert "-smtpd_milters = $bouncegate_milter" in last.changed
