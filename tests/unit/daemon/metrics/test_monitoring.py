"""Rules, dashboard and documentation name figures that there are, and the rules fire."""

import json
import re
import shutil
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.classifier.returnpath.handler import FIGURES as RETURN_PATH
from bouncegate.config.settings import LedgerSettings, MetricsSettings, Settings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.daemon.metrics.bounces import BounceCounts
from bouncegate.daemon.metrics.collector import Figures, Maintained
from bouncegate.daemon.metrics.lockcount import LockCount
from bouncegate.daemon.scoreboard import Scoreboard
from bouncegate.milter.counts import FIGURES as MILTER
from bouncegate.milter.lookup.counts import FIGURES as MAP
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from bouncegate.web.events.metrics import figures_of
from bouncegate.web.events.status import EndpointView

DOCS = Path(__file__).resolve().parents[4] / "docs"
MONITORING = DOCS / "monitoring"
ENDPOINT = EndpointView("shop", "https://a.example", "ok", 0, 0, 0, 0, 0, 0, None, "")
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


@pytest.fixture
def figures(tmp_path: Path) -> set[str]:
    """The names of all figures that there can be."""
    store_settings = StoreSettings(path=tmp_path, map_size=Size(2**26))
    ledger_settings = LedgerSettings(enabled=True, max_size=Size(2**24))
    settings = Settings(
        store=store_settings,
        ledger=ledger_settings,
        metrics=MetricsSettings(counters=tmp_path / "counters"),
    )
    boards = [
        Scoreboard.in_file(settings.metrics.counters / name, figures)
        for name, figures in (("milter", MILTER), ("map", MAP), ("return-path", RETURN_PATH))
    ]
    for board in boards:
        board.take(1)
    with (
        closing(Store.open(store_settings)) as store,
        closing(Ledger.open(store_settings, ledger_settings, readonly=False)) as ledger,
    ):
        maintained = Maintained(LockCount(store), BounceCounts(store), Counter(ok=1))
        source = Figures(settings, store, maintained, lambda: ledger)
        families = [*source.registry().collect(), *figures_of([ENDPOINT])]
    return {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }


def named_in(text: str) -> set[str]:
    found = re.findall(r"bouncegate_[a-z_]+", text)
    return {SUFFIXES.sub("", name) if "_seconds_" in name else name for name in found}


def test_every_figure_is_documented_and_no_other(figures: set[str]) -> None:
    assert named_in((DOCS / "metrics.md").read_text()) == figures


@pytest.mark.parametrize("file", ["alerts.yml", "grafana.json"])
def test_what_is_asked_for_exists(file: str, figures: set[str]) -> None:
    asked = named_in((MONITORING / file).read_text())
    assert asked
    assert asked <= figures


def test_the_dashboard_is_one() -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places), "panels lie over one another"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; ./run test installs it")
    argv = [program, *map(str, arguments)]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", MONITORING / "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_where_it_should_and_not_where_it_should_not() -> None:
    done = promtool("test", "rules", MONITORING / "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_never_fires_would_be_noticed(tmp_path: Path) -> None:
    for file in ("alerts.yml", "alerts.test.yml"):
        shutil.copy(MONITORING / file, tmp_path)
    rules = tmp_path / "alerts.yml"
    rules.write_text(rules.read_text().replace("_bytes > 0.8", "_bytes > 0.95"))
    done = promtool("test", "rules", tmp_path / "alerts.test.yml")
    assert done.returncode != 0
    assert "BouncegateMapFull" in done.stdout + done.stderr
