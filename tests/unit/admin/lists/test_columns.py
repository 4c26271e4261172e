"""Two columns of one meaning: refused by name, since either may be meant."""

import io

import pytest

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.csvfile import CsvRow, read_csv
from bouncegate.admin.lists.textform import CsvError


def first(head: str) -> CsvRow:
    cells = ",".join("x" for _ in head.split(","))
    return next(iter(read_csv(io.BytesIO(f"{head}\n{cells}\n".encode()))))


@pytest.mark.parametrize(
    ("head", "named"),
    [
        ("email,address", "'email' and 'address'"),
        ("Email,reason,E-Mail", "'email' and 'e-mail'"),
        ("address,Address", "'address' and 'address'"),
        ("address, ADDRESS ", "'address' and 'address'"),
        ("e_mail,Email Address", "'e_mail' and 'email address'"),
        ("recipient,email-address,x", "'recipient' and 'email-address'"),
        ("address,until,expires", "'until' and 'expires'"),
        ("address,reason,Bounce Reason", "'reason' and 'bounce reason'"),
        ("address,note,comment", "'note' and 'comment'"),
    ],
)
def test_columns_of_one_meaning_are_refused_and_named(head: str, named: str) -> None:
    with pytest.raises(CsvError, match=f"the columns {named} both mean"):
        Columns().refuse_ambiguous(first(head))


def test_columns_that_were_chosen_are_not_ambiguous() -> None:
    columns = Columns(["address=Recipient"])
    columns.refuse_ambiguous(first("recipient,email,address"))
    with pytest.raises(CsvError, match="both mean"):
        columns.refuse_ambiguous(first("recipient,Recipient"))


def test_columns_of_which_none_is_known_may_have_one_name() -> None:
    Columns().refuse_ambiguous(first("address,x,x,,"))


def test_columns_that_an_import_does_not_read_may_be_ambiguous() -> None:
    Columns().require(first("address,note,comment"), "address")
    with pytest.raises(CsvError, match="both mean 'address'"):
        Columns().require(first("address,email"), "address")
