"""Files of addresses as people keep them."""

import io

from bouncegate.admin.lists.lines import Line, addresses_of


def test_addresses_are_read_with_the_numbers_of_their_lines() -> None:
    file = b"\xef\xbb\xbfann@a.de\r\n\n# a remark\nBob Bee <bob@b.de>\n<eve@c.de>\nlast@d.de"
    assert list(addresses_of(io.BytesIO(file))) == [
        Line(1, "ann@a.de"),
        Line(4, "bob@b.de"),
        Line(5, "eve@c.de"),
        Line(6, "last@d.de"),
    ]


def test_a_line_that_is_too_long_is_one_bad_address_and_no_more() -> None:
    file = b"x" * 5000 + b"@a.de\nann@a.de\n" + b"\xff\xfe@a.de\n" + b"y" * 1000
    found = list(addresses_of(io.BytesIO(file)))
    assert [line.number for line in found] == [1, 2, 3, 4]
    assert found[1].text == "ann@a.de"
    assert len(found[0].text) == 1000
