"""Questions that need the ledger, from several threads at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.stores import store_settings
from tests.unit.web.api.interface import Interface, fill, read
from tests.websites import WebSite

from bouncegate.config.settings import LedgerSettings
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger

ADDRESS = "gone@kernel.org"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    site = WebSite(Path(tmp_path_factory.mktemp("ledger")), "[api]\nrate = 10000\n")
    fill(site)
    sent = Sent(int(time.time()), bytes(8), "news@shop.example", (ADDRESS,), mailing="spring")
    settings = store_settings(site.folder / "store")
    with closing(Ledger.open(settings, LedgerSettings(), readonly=False)) as ledger:
        ledger.write([entry_of(sent)])
    with site.serving():
        yield Interface(site)


def test_many_may_ask_for_addresses_at_once(api: Interface) -> None:
    token = api.token()
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(api.ask, "GET", f"/addresses/{ADDRESS}", token=token)
                 for _ in range(200)]  # fmt: skip
        answers = {one.result().status for one in asked}
    assert answers == {200}


def test_deleting_a_persons_data_is_of_the_ledger_too(api: Interface) -> None:
    gone = read(api.ask("DELETE", f"/addresses/{ADDRESS}/data?why=asked"))
    assert gone["removed"]["sends"] == 1
    again = read(api.ask("DELETE", f"/addresses/{ADDRESS}/data?why=asked"))
    assert "sends" not in again["removed"]
