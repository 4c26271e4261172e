"""Name servers that deny a domain are believed by what they say of others meanwhile."""

import pytest

from bouncegate.policy.mx import MxAnswer, MxHost
from bouncegate.policy.nameservers import Lookups, fault_of

OK = MxAnswer("ok", (MxHost(10, "mx.test"),))
NO = MxAnswer("nxdomain")
SILENT = MxAnswer("unknown", why="SERVFAIL")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Lookups({"a.test": OK}), None),
        (Lookups({"a.test": SILENT}), None),
        (Lookups({"a.test": NO}), "they know no domain that takes mail"),
        (Lookups({"a.test": NO}, named={"ref.test": OK}), None),
        (Lookups({"a.test": NO}, own={"own.test": OK}, named={"ref.test": SILENT}), None),
        (
            Lookups({"a.test": NO}, own={"own.test": OK}, named={"ref.test": NO}),
            "they deny ref.test",
        ),
        (
            Lookups({"a.test": NO}, own={"own.test": SILENT}, named={"ref.test": SILENT}),
            "they know no domain that takes mail",
        ),
        (Lookups({"a.test": NO, "b.test": OK}), None),
        (Lookups({"a.test": NO}, frozenset({"a.test"}), own={"own.test": OK}), None),
        (Lookups({}, named={"ref.test": OK}), None),
        (Lookups({}, named={"ref.test": SILENT}), "they know no domain that takes mail"),
    ],
)
def test_a_denial_is_believed_where_others_are_called_alive(
    asked: Lookups, why: str | None
) -> None:
    fault = fault_of(asked)
    assert (fault and fault.why) == why
    assert fault is None or not fault.may_be_true


def test_more_domains_denied_that_took_mail_than_are_left_is_a_fault_that_may_be_true() -> None:
    lapsed = {f"d{n}.test": NO for n in range(4)}
    own = {f"o{n}.test": OK for n in range(3)}
    fault = fault_of(Lookups(lapsed, frozenset(lapsed), own=own))
    assert fault is not None
    assert fault.may_be_true
    assert fault.why == "they deny 4 domains that took mail before, and 3 do still"
    assert fault_of(Lookups(lapsed, frozenset(lapsed), own={**own, "o4.test": OK})) is None
    assert fault_of(Lookups(lapsed, frozenset(), own=own)) is None, "never known to take mail"
    gone = {"o1.test": NO, "o2.test": NO}
    assert fault_of(Lookups({"a.test": NO}, own=gone, named={"ref.test": OK})) is not None


def test_many_domains_denied_at_once_are_a_fault_that_may_be_true_unless_others_are_alive() -> None:
    def told(denied: int, alive: int) -> bool:
        answers = {f"d{n}.test": NO for n in range(denied)} | {f"a{n}.t": OK for n in range(alive)}
        fault = fault_of(Lookups(answers, named={"ref.test": OK}))
        assert fault is None or fault.may_be_true
        return fault is not None

    assert [told(50, 0), told(51, 0), told(51, 50), told(51, 51), told(100, 99)] == [
        *(False, True, True, False, True)
    ]


def test_name_servers_are_silent_where_nothing_at_all_is_answered() -> None:
    assert Lookups({"a.test": SILENT}, named={"ref.test": SILENT}).is_silent
    assert not Lookups({"a.test": SILENT}, named={"ref.test": OK}).is_silent
    assert not Lookups({"a.test": NO}).is_silent
