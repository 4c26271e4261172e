"""Tables that do not bear the length of a signed return path are found (RFC 5321, 4.5.3.1.1)."""

import shutil
from pathlib import Path

import pytest
from tests.unit.admin.postfix.senderfacts import DOMAIN, SETTINGS
from tests.unit.cli.conftest import Command

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.postfix import wiring
from bouncegate.admin.postfix.postconf import read
from bouncegate.admin.postfix.senders import Effect, sender_effects

pytestmark = pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")

CUT = r"/^(.{32}).*@return\.example\.com$/ $1@return.example.com"
LONGER = r"/^(.*)@return\.example\.com$/ $1=sevenfold@return.example.com"
LIMIT = r"/^.{41,}@/ REJECT local part too long"
LIMIT_OF_64 = r"/^[^@]{65}/ 550 local part too long"


def folder_of(tmp_path: Path, line: str, table: str) -> Path:
    (tmp_path / "table").write_text(f"{table}\n")
    (tmp_path / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\n{line}\n"
    )
    (tmp_path / "master.cf").write_text(
        "smtp inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nsmtp unix - - n - - smtp\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("line", "table", "effect", "text"),
    [
        ("sender_canonical_maps = regexp:{}", CUT, Effect.LOST, "to 32 octets"),
        ("canonical_maps = regexp:{}", CUT, Effect.LOST, "to 32 octets"),
        ("smtp_generic_maps = regexp:{}", CUT, Effect.LOST, "to 32 octets"),
        ("sender_canonical_maps = regexp:{}", LONGER, Effect.AFFECTED, "longer, to 68 octets"),
        (
            "smtpd_recipient_restrictions = permit_mynetworks, check_recipient_access regexp:{}",
            *(LIMIT, Effect.LOST, "have 58 octets"),
        ),
    ],
)
def test_a_table_that_cuts_or_limits_tokens_is_found_by_doctor(
    line: str, table: str, effect: Effect, text: str, tmp_path: Path
) -> None:
    facts = read(folder_of(tmp_path, line.format(tmp_path / "table"), table), [DOMAIN])
    (found,) = sender_effects(SETTINGS, facts)
    assert found.effect is effect
    assert text in found.text
    (finding,) = [one for one in wiring(SETTINGS, facts) if text in one.text]
    assert finding.severity is (Severity.ERROR if effect is Effect.LOST else Severity.WARNING)
    assert finding.fix


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("sender_canonical_maps = regexp:{}", LONGER.replace("=sevenfold", "=seven")),
        ("smtpd_recipient_restrictions = check_recipient_access regexp:{}", LIMIT_OF_64),
        ("smtpd_recipient_restrictions = check_recipient_access regexp:{}", "/./ OK"),
        ("smtpd_recipient_restrictions = check_client_access regexp:{}", LIMIT),
    ],
)
def test_a_table_that_leaves_tokens_usable_is_no_finding(
    line: str, table: str, tmp_path: Path
) -> None:
    facts = read(folder_of(tmp_path, line.format(tmp_path / "table"), table), [DOMAIN])
    assert list(sender_effects(SETTINGS, facts)) == []


def test_check_config_tells_it_too(config: Path, bouncegate: Command, tmp_path: Path) -> None:
    with config.open("a") as file:
        file.write(f'[return_path]\ndomain = "{DOMAIN}"\n')
    line = f"sender_canonical_maps = regexp:{tmp_path}/table"
    folder = folder_of(tmp_path, line, CUT)
    done = bouncegate("check-config", "--postfix", str(folder))
    assert done.code == 0
    assert "note: sender_canonical_maps cuts signed return paths to 32 octets" in done.out
