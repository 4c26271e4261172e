"""FILTER actions in the tables of a Postfix count as content filters do."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from bouncegate.admin.postfix.coverage import Coverage, State, coverage
from bouncegate.admin.postfix.lookuptable import results
from bouncegate.admin.postfix.postconf import read
from bouncegate.config.loading import loads

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")

AMAVIS = "amavis:[127.0.0.1]:10024"
BACK = "127.0.0.1:10025"
TOML = "[ledger]\nenabled = true\n"
ALL_RESTRICTIONS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
)


def told(
    folder: Path, main: str, files: Mapping[str, str] | None = None, back: str = "", more: str = ""
) -> dict[str, Coverage]:
    """The status of a Postfix with these lines of main.cf, these tables and this way back."""
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    (folder / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {folder}\nmydestination =\n"
        f"smtpd_milters = {{ unix:/run/bouncegate/milter.sock, default_action=accept }}\n{main}\n"
    )
    (folder / "master.cf").write_text(
        "smtp inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
        "smtp unix - - n - - smtp\namavis unix - - n - 2 smtp\ndspam unix - n n - - pipe\n"
        + (f"{BACK} inet n - n - - smtpd {back}\n" if back else "")
        + more
    )
    return {one.subject: one for one in coverage(loads(TOML), read(folder))}


@pytest.mark.parametrize("name", ALL_RESTRICTIONS)
def test_filter_action_in_restrictions_is_a_content_filter(tmp_path: Path, name: str) -> None:
    files = {"x": f"example.com OK\nexample.net filter {AMAVIS}\n"}
    found = told(tmp_path, f"{name} = check_sender_access hash:$config_directory/x, permit", files)
    assert f"{AMAVIS} (FILTER in hash:{tmp_path}/x)" in found[name].text
    assert (found[name].plane, found[name].state) == ("filter", State.OFF)


@pytest.mark.parametrize(
    "name", ["header_checks", "body_checks", "mime_header_checks", "nested_header_checks",
             "milter_header_checks"],
)  # fmt: skip
def test_filter_action_in_header_checks_is_a_content_filter(tmp_path: Path, name: str) -> None:
    files = {"x": f"/^Subject: a\\/b/i  FILTER {AMAVIS}\n"}
    found = told(tmp_path, f"{name} = regexp:$config_directory/x", files)
    shown = {subject for subject, one in found.items() if one.plane == "filter"}
    assert shown == {name}


CLASS = "smtpd_restriction_classes = other, watched\n"


@pytest.mark.parametrize(
    ("main", "files"),
    [
        (
            CLASS + "watched = check_sender_access texthash:$config_directory/x\n"
            "smtpd_recipient_restrictions = watched, permit",
            {"x": f"@example.com FILTER {AMAVIS}\n"},
        ),
        (
            CLASS + f"other = check_sender_access static:{{FILTER {AMAVIS}}}\n"
            "watched = permit_mynetworks, other\nsmtpd_recipient_restrictions = watched, permit",
            {},
        ),
        (
            CLASS + f"watched = check_sender_access inline:{{{{ a.example = FILTER {AMAVIS} }}}}\n"
            "smtpd_recipient_restrictions = check_client_access cidr:$config_directory/c, permit",
            {"c": "192.0.2.0/24 permit_mynetworks,\n  watched\n"},
        ),
    ],
    ids=["class in restrictions", "class in a class", "class as the result of a table"],
)
def test_filter_action_of_a_restriction_class_is_found(
    tmp_path: Path, main: str, files: Mapping[str, str]
) -> None:
    assert AMAVIS in told(tmp_path, main, files)["smtpd_recipient_restrictions"].text


def test_filter_action_of_a_class_that_nothing_names_is_none(tmp_path: Path) -> None:
    main = CLASS + f"watched = check_sender_access static:{{FILTER {AMAVIS}}}\nother = other\n"
    found = told(tmp_path, main + "smtpd_recipient_restrictions = other, permit")
    assert not [one for one in found.values() if one.plane == "filter"]


def test_filter_action_of_one_service_is_shown_with_the_service(tmp_path: Path) -> None:
    more = (
        "587 inet n - n - - smtpd\n"
        f"  -o {{ smtpd_data_restrictions = check_client_access static:{{FILTER {AMAVIS}}} }}\n"
        "2525 inet n - n - - smtpd -o smtpd_restriction_classes=mine\n"
        "  -o smtpd_helo_restrictions=mine\n"
        f"  -o {{ mine = check_client_access static:{{FILTER {AMAVIS}}} }}\n"
        f"pickup unix n - n 60 1 pickup -o content_filter={AMAVIS}\n"
    )
    found = told(tmp_path, "", more=more)
    assert AMAVIS in found["587/inet/smtpd_data_restrictions"].text
    assert AMAVIS in found["2525/inet/smtpd_helo_restrictions"].text
    assert AMAVIS in found["pickup/unix/content_filter"].text


@pytest.mark.parametrize(
    "back",
    [
        "-o content_filter=",
        "-o smtpd_recipient_restrictions=permit_mynetworks,reject",
        "-o smtpd_restriction_classes=",
        "-o watched=permit",
    ],
)
def test_way_back_from_a_filter_action_must_not_ask_the_milter(tmp_path: Path, back: str) -> None:
    main = (
        CLASS + f"watched = check_sender_access static:{{FILTER {AMAVIS}}}\n"
        "smtpd_recipient_restrictions = watched, permit"
    )
    assert told(tmp_path, main, back=back)[f"{BACK}/inet"].state is State.TWICE
    right = told(tmp_path, main, back=f"{back} -o receive_override_options=no_milters")
    assert right[f"{BACK}/inet"].state is State.OFF
    assert not [one for one in right.values() if one.plane == "filter"]


@pytest.mark.parametrize(
    ("back", "more"),
    [
        ("-o receive_override_options=no_header_body_checks", ""),
        ("-o cleanup_service_name=plain", "plain unix n - n - 0 cleanup -o header_checks=\n"),
    ],
)
def test_way_back_from_header_checks_does_without_them(
    tmp_path: Path, back: str, more: str
) -> None:
    files = {"x": f"/^Subject/ FILTER {AMAVIS}\n"}
    main = "header_checks = pcre:$config_directory/x"
    assert told(tmp_path, main, files, back, more)[f"{BACK}/inet"].state is State.TWICE
    kept = told(tmp_path, main, files, "-o syslog_name=postfix/in", more)
    assert kept[f"{BACK}/inet"].state is State.ATTACHED


@pytest.mark.parametrize("destination", ["smtp:", "amavis:"])
def test_filter_action_that_only_chooses_a_route_is_none(tmp_path: Path, destination: str) -> None:
    """smtp(8) mails the recipient's own domain where no destination is named (access(5))."""
    main = f"smtpd_data_restrictions = check_sender_access static:{{FILTER {destination}}}"
    assert "smtpd_data_restrictions" not in told(tmp_path, main)
    other = main.replace(destination, "dspam:")
    assert "dspam:" in told(tmp_path, other)["smtpd_data_restrictions"].text


UNREADABLE = "check_sender_access ldap:/etc/postfix/a.cf, check_sender_access hash:/nonexistent/b"


def test_table_that_cannot_be_read_is_named_where_a_way_back_may_be(tmp_path: Path) -> None:
    main = (
        f"smtpd_sender_restrictions = {UNREADABLE}, check_policy_service unix:private/policy\n"
        "smtpd_recipient_restrictions = check_recipient_access proxy:mysql:/c.cf, permit"
    )
    shown = [one for one in told(tmp_path, main).values() if one.plane == "filter"]
    assert not shown, "nothing comes back here"
    found = told(tmp_path, main, back="-o syslog_name=postfix/in").values()
    (one,) = [one for one in found if one.plane == "filter"]
    assert one.text.endswith(
        "tables: ldap:/etc/postfix/a.cf, hash:/nonexistent/b, proxy:mysql:/c.cf"
    )
    right = told(tmp_path, main, back="-o content_filter= -o receive_override_options=no_milters")
    assert not [one for one in right.values() if one.plane == "filter"]


TEXTS = {
    "hash:t": ("# c\n\na.example  FILTER a:b\n \n# c\n  c\nb\tOK\n", ("FILTER a:b  c", "OK")),
    "texthash:t": ('"a b"@c.example REJECT no\n', ("REJECT no",)),
    "proxy:lmdb:t": ("a b\r\n", ("b",)),
    "cidr:t": ("if 192.0.2.0/24\n!192.0.2.1  FILTER a:b\nendif\n", ("192.0.2.0/24", "FILTER a:b")),
    "regexp:t": ("if /x/\n/a\\/ b/i FILTER a:b\n!/c/ OK\nendif\n", ("FILTER a:b", "OK")),
    "pcre:t": ("|a/ (b)|ix   FILTER a:$1\n", ("FILTER a:$1",)),
    "static:{FILTER a:b}": ("", ("FILTER a:b",)),
    "static:DISCARD": ("", ("DISCARD",)),
    "inline:{ x=y, { a b = FILTER a:b } }": ("", ("y", "FILTER a:b")),
    "unionmap:{texthash:t, static:x}": ("a b\n", ("b", "x")),
    "unionmap:{texthash:t, ldap:x}": ("a b\n", None),
    "ldap:t": ("a b\n", None),
    "unix:passwd.byname": ("", None),
    "hash:gone": ("", None),
    "hash:.": ("", None),
}


@pytest.mark.parametrize(("table", "expected"), [(t, e) for t, (_, e) in TEXTS.items()])
def test_lookup_table_s_results_are_read_from_its_text(
    tmp_path: Path, table: str, expected: tuple[str, ...] | None
) -> None:
    (tmp_path / "t").write_text(TEXTS[table][0])
    assert results(table, tmp_path) == expected


def test_lookup_table_that_is_a_fifo_or_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate((1 << 24) + 1)
    os.mkfifo(tmp_path / "fifo")
    assert (results("hash:large", tmp_path), results("pcre:fifo", tmp_path)) == (None, None)
