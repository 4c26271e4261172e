"""The description of the interface: it holds what the routes answer, and nothing else."""

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.unit.web.api.interface import Interface

from bouncegate.web.api import documents, hooks
from bouncegate.web.api.openapi import PREFIX, description, operation_id, problems_of
from bouncegate.web.api.operations import OPERATIONS
from bouncegate.web.api.problems import status_of
from bouncegate.web.api.routes import ROUTES

DOCUMENT: Any = msgspec.json.decode(description())


def test_every_route_is_described_and_nothing_else() -> None:
    described = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    routed = {
        (method, "/api" + re.sub(r":\w+}", "}", route.path))
        for route in ROUTES
        for method in route.methods
        if route not in (*hooks.ROUTES, *documents.ROUTES)
    }
    assert described == routed
    assert len(routed) == len(OPERATIONS)


def test_the_description_is_openapi_3_1() -> None:
    assert [str(fault) for fault in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []
    broken = msgspec.json.decode(description())
    del broken["paths"][f"{PREFIX}/check"]["get"]["responses"]["200"]["description"]
    assert [*OpenAPIV31SpecValidator(broken).iter_errors()], "it finds what is wrong"


def test_operations_have_names_of_their_own() -> None:
    assert len({operation_id(one) for one in OPERATIONS}) == len(OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', description().decode()))
    assert references <= set(DOCUMENT["components"]["schemas"])
    assert {"RowView", "AddressView", "JudgedView", "ProblemView"} <= references


def test_names_of_schemas_are_short_and_allowed() -> None:
    for name in DOCUMENT["components"]["schemas"]:
        assert re.fullmatch(r"[A-Za-z0-9_]+", name)
        assert "bouncegate" not in name


def test_fields_that_are_unknown_are_refused_by_every_operation() -> None:
    for one in OPERATIONS:
        if one.takes is not None:
            assert one.takes.__struct_config__.forbid_unknown_fields, one.path


def test_every_problem_has_a_status_and_every_path_its_parameters() -> None:
    for one in OPERATIONS:
        for kind in problems_of(one):
            assert 400 <= status_of(kind) < 600
    for path, methods in DOCUMENT["paths"].items():
        assert path.startswith(PREFIX)
        for told in methods.values():
            named = [p["name"] for p in told["parameters"] if p["in"] == "path"]
            assert named == re.findall(r"\{(\w+)\}", path)
            assert {status[0] for status in told["responses"]} >= {"2", "4", "5"}


def test_description_and_page_are_open_to_all(api: Interface) -> None:
    got = api.site.ask("GET", "/api/openapi.json")
    assert (got.status, got.body) == (200, description())
    page = api.site.ask("GET", "/api/docs")
    assert page.status == 200
    for one in OPERATIONS:
        assert one.summary in page.text
    assert 'id="problem-hard-lock"' in page.text


@pytest.mark.parametrize("kind", ["hard-lock", "rate", "store-full"])
def test_the_type_of_a_problem_leads_to_its_meaning(api: Interface, kind: str) -> None:
    got = api.site.ask("GET", f"/problems/{kind}")
    assert (got.status, got.header("location")) == (303, f"/api/docs#problem-{kind}")


def test_there_is_no_page_of_other_problems(api: Interface) -> None:
    assert api.site.ask("GET", "/problems/lost").status == 404
