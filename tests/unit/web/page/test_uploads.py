"""Lists as files: what spreadsheets save, German ones too, and what is said of anything else."""

import csv
import io
import re

import pytest
from tests.unit.web.page.conftest import Page
from tests.websites import SAME_ORIGIN, Answer

from bouncegate.web.page.uploads import LARGEST

BOUNDARY = "file-boundary"


def _upload(page: Page, target: str, content: bytes, name: str = "list.csv", **form: str) -> Answer:
    match = re.search(r'name="csrf" value="([0-9a-f]+)"', page.get(target).text)
    assert match
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in {"csrf": match[1], **form}.items()
    ]
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    parts.append(f"--{BOUNDARY}\r\n{head}\r\nContent-Type: text/csv\r\n\r\n".encode() + content)
    body = b"".join(parts) + f"\r\n--{BOUNDARY}--\r\n".encode()
    fields = {"Remote-User": page.name, **SAME_ORIGIN}
    fields["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
    return page.site.ask("POST", target, fields, body, to=page.site.proxy)


GERMAN = 'Name;E-Mail-Adresse\r\nMüller;ann@gmial.com\r\n"Ö; P.";fine@gmail.com\r\n'


@pytest.mark.parametrize(
    "content",
    [
        GERMAN.encode("utf-8-sig"),
        GERMAN.encode("windows-1252"),
        GERMAN.encode("utf-16"),
        GERMAN.replace(";E-", "\tE-").replace("r;", "r\t").replace('";', '"\t').encode(),
        b"ann@gmial.com\nfine@gmail.com\n",
        b"sep=;\r\nx;address\r\n1;ann@gmial.com\r\n2;fine@gmail.com\r\n",
    ],
)
def test_upload_of_a_list_is_checked_as_spreadsheets_save_it(boss: Page, content: bytes) -> None:
    answer = _upload(boss, "/check", content, "Liste März.csv")
    assert answer.status == 200, answer.text
    assert "2 addresses checked, 2 may be mailed" in answer.text
    assert "Liste März.csv" in answer.text
    assert re.search(r">ann@gmial.com\nfine@gmail.com</textarea>", answer.text)


def test_upload_of_a_german_sheet_brings_corrections_back(boss: Page) -> None:
    sheet = boss.get("/recipients.csv?tab=hard&lang=de").text
    assert sheet.startswith("\ufeffid;address;")
    rows = list(csv.reader(io.StringIO(sheet.removeprefix("\ufeff")), delimiter=";"))
    old = rows[1][1]
    rows[1][1] = "right.one@gmail.com"
    told = io.StringIO()
    csv.writer(told, delimiter=";").writerows([*rows[:2], ["bbbbbbbbbbbbbb", "x@gmail.com"]])
    shown = _upload(boss, "/corrections", told.getvalue().encode("utf-8-sig")).text
    assert "1 address would be corrected" in shown
    assert "Line 3: no address has this id" in shown
    assert "list.csv" in shown
    match = re.search(r'name="sheet" value="([^"]+)"', shown)
    assert match
    form = {"sheet": match[1].replace("&#34;", '"'), "carry_out": "yes", "why": "a test"}
    assert boss.post("/corrections", form, "/corrections").status == 303
    assert '"right.one@gmail.com"' in boss.site.command("show", "--json", old)


def test_upload_in_windows_1252_says_so(boss: Page) -> None:
    text = "id;address;note\r\nbbbbbbbbbbbbbb;x@example.org;Müller\r\n"
    assert "read as windows-1252" in _upload(boss, "/corrections", text.encode("cp1252")).text
    assert "read as" not in _upload(boss, "/corrections", text.encode()).text


@pytest.mark.parametrize(
    ("target", "content", "status", "says"),
    [
        ("/check", b"", 400, "The file is empty."),
        ("/check", b" \r\n", 400, "The file is empty."),
        ("/check", b"PK\x03\x04rest", 400, "Save it as CSV"),
        ("/check", b"\x81\x8d\xff", 400, "This is no text"),
        ("/check", b"a\0b@example.org", 400, "This is no text"),
        ("/check", b"x" * (LARGEST + 1), 413, "The file is too large: at most 900,000"),
        ("/check", b"a;b\r\n1;2\r\n", 400, "There is no column address. The columns are: a, b"),
        ("/corrections", b"id;b\r\n1;2\r\n", 400, "no column address. The columns are: id, b"),
        ("/corrections", b'id;address\r\n"1;2\r\n', 400, "The file cannot be read: line 2"),
    ],
)
def test_upload_of_anything_else_is_told_what_is_wrong(
    boss: Page, target: str, content: bytes, status: int, says: str
) -> None:
    answer = _upload(boss, target, content)
    assert (answer.status, says in answer.text) == (status, True), answer.text[-600:]
    assert "--column" not in answer.text


@pytest.mark.parametrize("target", ["/check", "/corrections"])
def test_upload_of_nothing_is_told_so(boss: Page, target: str) -> None:
    answer = boss.post(target, {"text": " ", "sheet": ""}, target)
    assert (answer.status, "Choose a file" in answer.text) == (400, True)


def test_upload_that_is_too_large_for_a_body_gets_its_answer(boss: Page) -> None:
    answer = _upload(boss, "/check", b"x" * 3_000_000)
    assert (answer.status, "The request is too large" in answer.text) == (413, True)
