"""What the terms mean, wherever they are shown: bounced, blocked, scope and provider."""

import csv
import io
from contextlib import closing
from pathlib import Path

from tests.product.conftest import Bounce
from tests.product.views import FULL, UNKNOWN, listed, rows, shown
from tests.unit.cli.conftest import Command, Done, store_of
from tests.unit.cli.reported import NOW, event, record

from bouncegate.config.settings import DnsSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.mx import MxAnswer, MxHost

ANN, BOB, EVE = "ann@kernel.org", "bob@kernel.org", "eve@kernel.org"
SPAM = "554 5.7.1 message rejected as spam"


def test_bounced_is_every_address_with_at_least_one_bounce_whatever_came_of_it(
    config: Path, bounced: Bounce, bouncegate: Command
) -> None:
    bounced(UNKNOWN, ANN)
    bounced(SPAM, BOB)
    bounced(FULL, EVE)
    record(config, event("freed@kernel.org"))
    assert bouncegate("unlock", "--force", "--yes", "freed@kernel.org").code == 0
    everyone = [ANN, BOB, EVE, "freed@kernel.org"]
    assert sorted(listed(bouncegate, "--state", "bounced")) == sorted(everyone)
    assert rows(bouncegate, "summary", "--now")[0]["bounced"] == 4


def test_what_blames_the_sender_is_a_bounce_but_none_of_the_hard_ones(
    config: Path, bouncegate: Command
) -> None:
    record(config, event(ANN), event(BOB, Reason.SPAM_BLOCK))
    assert listed(bouncegate, "--state", "bounced", "--kind", "hard") == [ANN]
    assert listed(bouncegate, "--state", "bounced", "--kind", "blocked") == [BOB]
    (spring,) = rows(bouncegate, "report", "mailing")
    assert (spring["hard"], spring["blocked"]) == (1, 1)


def test_scope_travels_with_the_lock_through_every_list_export_import_and_interface(
    bouncegate: Command, tmp_path: Path
) -> None:
    assert bouncegate("lock", ANN, "--group", "news").code == 0
    (row,) = rows(bouncegate, "list")
    (audited,) = rows(bouncegate, "audit")
    assert (row["scope"], shown(bouncegate, ANN)["locks"][0]["scope"]) == (
        "group:news",
        "group:news",
    )
    assert "news" in str(audited)
    exported = bouncegate("export").out
    (line,) = csv.DictReader(io.StringIO(exported, newline=""))
    assert line["scope"] == "group:news"
    sheet = tmp_path / "locks.csv"
    sheet.write_text(exported)
    (tmp_path / "elsewhere").mkdir()
    config = tmp_path / "elsewhere.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/elsewhere"\nmap_size = "64 MiB"\n')

    def elsewhere(*arguments: str) -> Done:
        return bouncegate("--config", str(config), *arguments)

    assert rows(elsewhere, "list", "--state", "all") == []
    done = elsewhere("import", "--locks", str(sheet), "--yes")
    assert done.code == 0, done.err
    (there,) = rows(elsewhere, "list")
    assert (there["address"], there["scope"]) == (ANN, "group:news")


def test_provider_is_known_by_domain_or_by_mx(
    config: Path, bounced: Bounce, bouncegate: Command
) -> None:
    with closing(store_of(config)) as store:
        answer = MxAnswer("ok", (MxHost(10, "aspmx.l.google.com"),))
        store.mx.learn({"kernel.org": answer}, NOW, DnsSettings())
    bounced(UNKNOWN, ANN, "bob@gmail.com", "eve@gmx.net")
    found = {row["address"]: row["provider"] for row in rows(bouncegate, "list")}
    assert found[ANN] == found["bob@gmail.com"] == "google"
    assert found["eve@gmx.net"] == "gmx"
