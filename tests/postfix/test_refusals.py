"""A refused recipient is on record behind a real Postfix: in `report`, `trace` and `show`."""

import json
from collections.abc import Mapping
from typing import Any, Final

from lab.bouncegate import Bouncegate
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER: Final = "newsletter@sender.test"
LOCKED, INVALID, READER = "locked@orchard.de", "ann@mail.invalid", "reader@orchard.de"
SECTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "return_path": {"domain": RETURN_DOMAIN},
    "ledger": {"mailing_headers": ["X-Campaign-ID"]},
    "lists": {"invalid": "refuse"},
}


def shown(gate: Bouncegate, *arguments: str) -> list[dict[str, Any]]:
    done = gate.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_refused_recipient_is_in_the_report_in_trace_and_in_show(can_run_postfix: None) -> None:
    with MailSystem(sections=SECTIONS) as system:
        system.start()
        gate = system.gate
        gate.lock(LOCKED)
        news = message("News")
        news["X-Campaign-ID"] = "spring"
        for _ in range(2):  # the second refusal is a prepared one
            with Client(system.postfix.submission_port) as client:
                replies = client.deliver(news, SENDER, [LOCKED, INVALID, READER])
            codes = [replies[to].code for to in (LOCKED, INVALID, READER)]
            assert codes == [550, 550, 250]

        def recorded() -> bool:
            rows = shown(gate, "report", "mailing")
            return [(row["mailing"], row["refused"]) for row in rows] == [("spring", 4)]

        wait_for("four refusals in the report", recorded)
        for address, reason, ref in (
            (LOCKED, "operator", "ref=1"),
            (INVALID, "invalid", "ref=reserved-domain"),
        ):
            moments = shown(gate, "trace", address)
            (refused,) = (one["said"] for one in moments if one["source"] == "ledger")
            assert refused.startswith("refused 2 times since ")
            assert refused.endswith(
                f": from <{SENDER}> mailing=spring group=sender.test reason={reason} {ref}"
            )
            (entry,) = shown(gate, "show", address)
            assert (entry["refused"], entry["refused_in"]) == (2, ["spring"])
        assert shown(gate, "report", "mailing")[0]["sends"] == 2
