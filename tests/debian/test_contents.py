"""What the package holds, looked at without an installation."""

import gzip
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.config.test_sample import missing_pointers

from lab.folder import ROOT

DOC = "usr/share/doc/bouncegate"


@pytest.fixture(scope="session")
def contents(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("contents")
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    yield folder
    shutil.rmtree(folder)


def field(deb: Path, name: str) -> str:
    argv = ["dpkg-deb", "-f", str(deb), name]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def test_the_config_file_s_pointers_lead_somewhere(contents: Path) -> None:
    config = contents / "etc/bouncegate/bouncegate.toml"
    assert missing_pointers(config, contents / DOC) == []


def test_pages_lead_to_one_another(contents: Path) -> None:
    pages = list((contents / DOC).rglob("*.md"))
    assert len(pages) > 15
    broken = [
        f"{page.relative_to(contents)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize(
    "path",
    [
        "etc/bouncegate/conf.d",
        "etc/bouncegate/rules.d",
        "etc/bouncegate/policy-by-provider.toml",
        "etc/bouncegate/policy-longer-each-time.toml",
        f"{DOC}/docs/monitoring/alerts.yml",
        f"{DOC}/docs/monitoring/grafana.json",
        "usr/share/bash-completion/completions/bouncegate",
        "usr/share/zsh/vendor-completions/_bouncegate",
        "usr/share/fish/vendor_completions.d/bouncegate.fish",
        "usr/share/man/man1/bouncegate.1.gz",
        "usr/lib/systemd/system/bouncegate-milter.service",
    ],
)
def test_what_operators_look_for_is_there(path: str, contents: Path) -> None:
    assert (contents / path).exists()


def test_every_unit_is_below_usr(contents: Path) -> None:
    assert not (contents / "lib").exists()


def test_units_are_disabled_with_the_package(deb: Path, tmp_path: Path) -> None:
    """debhelper writes that only for units that it finds."""
    subprocess.run(["dpkg-deb", "-e", deb, tmp_path], check=True)
    script = (tmp_path / "postrm").read_text()
    assert "deb-systemd-helper purge" in script
    assert "bouncegate-milter.service" in script


def test_programs_that_units_and_commands_run_are_depended_on(deb: Path) -> None:
    depends = re.split(r"\s*[,|]\s*", field(deb, "Depends"))
    names = {one.split()[0] for one in depends}
    # kill(1) of ExecReload=; postconf(1), postmap(1), sendmail(1); systemd-sysusers(8).
    assert names >= {"procps", "postfix", "python3", "libmilter1.0.1", "systemd"}


def test_no_module_makes_the_installation_print_warnings(contents: Path) -> None:
    """Python 3.12 shows invalid escapes as SyntaxWarning; Python 3.11 can be asked for them."""
    modules = list((contents / "usr/lib/bouncegate").rglob("*.py"))
    assert len(modules) > 300
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for module in modules:
            compile(module.read_bytes(), str(module), "exec", dont_inherit=True)
    assert [f"{one.filename}: {one.message}" for one in caught] == []


def test_changelogs_of_package_and_project_are_both_there(contents: Path) -> None:
    """debhelper would put ours in the place of Debian's."""
    packaged = gzip.decompress((contents / DOC / "changelog.gz").read_bytes()).decode()
    assert re.match(r"bouncegate \(\S+\) ", packaged)
    assert (contents / DOC / "CHANGELOG.md").read_bytes() == (ROOT / "CHANGELOG.md").read_bytes()


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
@pytest.mark.parametrize("name", ["bouncegate", "bouncegate-web"])
def test_lintian_finds_nothing(name: str, deb: Path) -> None:
    one = deb.with_name(deb.name.replace("bouncegate_", f"{name}_"))
    argv = ["lintian", "--allow-root", "--fail-on", "error,warning", str(one)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
