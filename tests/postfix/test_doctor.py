"""The doctor at a Postfix that runs: all is well with a whole one, and what is missing is named."""

import json
from typing import Any

import pytest

from lab.system import RETURN_DOMAIN, MailSystem


def examined(system: MailSystem) -> tuple[int, list[dict[str, Any]]]:
    done = system.gate.run("doctor", "--json", "--postfix", str(system.postfix.config))
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("can_run_postfix")
def test_a_whole_installation_is_well_and_each_missing_part_is_named() -> None:
    sections = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}}
    with MailSystem(sections=sections) as system:
        system.start()
        system.postfix.set(relay_domains=RETURN_DOMAIN)
        code, found = examined(system)
        assert [one for one in found if one["severity"] in ("warning", "error")] == []
        assert code == 0
        well = {one["check"] for one in found if one["severity"] == "ok"}
        assert well == {"proof", "keys", "store", "ledger", "milter", "return-path", "postfix"}

        system.postfix.set(smtpd_milters="", relay_domains="")
        assert system.gate.return_path is not None
        system.gate.return_path.stop()
        code, found = examined(system)
        assert code == 2
        texts = [one["text"] for one in found if one["severity"] in ("warning", "error")]
        assert any("no recipient is ever refused" in text for text in texts)
        assert any("bounces are refused" in text for text in texts)
        assert any("bounces wait in Postfix's queue" in text for text in texts)
        assert len(texts) == 3
