"""The table of operations: complete, in both languages, and the same as routes, methods and the OpenAPI document."""

import inspect
import json
import re
from importlib.resources import files

import pytest

from emulator.control import panel
from emulator.control.app import FORMS
from emulator.control.controller import Controller
from emulator.control.operations import (
    OPERATIONS,
    OTHER_EVENTS,
    SCHEMAS,
    SIGNALS,
    STREAMS,
    TRACE_FORMS,
    Operation,
    openapi,
)
from emulator.rig.timing import TIMINGS

IDS = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


@IDS
def test_an_operation_is_a_method_of_the_controller_that_takes_its_numbers_and_fields(operation: Operation) -> None:
    method = getattr(Controller, operation.act)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    positional = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert len(operation.numbers) <= len(positional)
    named = {each.name: each.default is each.empty for each in positional[len(operation.numbers) :]}
    fields = {field.name: field.required for field in operation.body}
    assert named.items() <= fields.items()
    takes_more = any(each.kind is each.VAR_KEYWORD for each in parameters)
    assert takes_more is (fields.keys() > named.keys() or bool(operation.open_body))


@IDS
def test_an_operation_says_what_it_does_in_both_languages(operation: Operation) -> None:
    assert re.fullmatch(r"[A-Z][^\n]+[^.]", operation.text)
    assert re.search("[\u4e00-\u9fff]", operation.zh)
    assert operation.method in ("GET", "POST", "PUT", "DELETE")
    assert operation.method != "GET" or not operation.body


def test_every_public_method_of_the_controller_is_an_operation() -> None:
    public = {name for name, each in vars(Controller).items() if not name.startswith("_") and inspect.isfunction(each)}
    assert public == {each.act for each in OPERATIONS.values()}


def test_no_two_operations_have_the_same_place() -> None:
    places = [(each.method, each.path) for each in OPERATIONS.values()]
    places += [("GET", each.path) for each in STREAMS.values()]
    assert len(set(places)) == len(places)


def test_the_document_has_every_operation_with_its_fields_and_its_answer() -> None:
    document = openapi("1.2.3")
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    found = {
        (each["operationId"], method, path) for path, its in document["paths"].items() for method, each in its.items()
    }
    expected = {(each.name, each.method.lower(), each.path) for each in OPERATIONS.values()}
    assert found == expected | {(each.name, "get", each.path) for each in STREAMS.values()}
    arm = document["paths"]["/readers/{reader}/faults"]["post"]
    body = arm["requestBody"]["content"]["application/json"]["schema"]
    assert (body["required"], body["additionalProperties"]) == (["name"], True)
    assert [each["name"] for each in arm["parameters"]] == ["reader"]
    assert arm["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Fault"}
    insert = document["paths"]["/readers/{reader}/insert"]["post"]
    assert insert["requestBody"]["required"] is False
    assert insert["requestBody"]["content"]["application/json"]["schema"]["additionalProperties"] is False


def test_every_reference_of_the_document_leads_to_a_schema() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(openapi("0"))))
    assert names == SCHEMAS.keys()


def test_the_forms_and_signals_are_those_of_server_and_panel() -> None:
    assert tuple(FORMS) == TRACE_FORMS
    script = files(panel).joinpath("stream.js").read_text("utf-8")
    [listed] = re.findall(r"^const SIGNALS = \[(.*)\];$", script, re.MULTILINE)
    assert set(json.loads(f"[{listed}]")) == {*SIGNALS.values(), *OTHER_EVENTS}


def test_texts_name_a_timing_that_there_is() -> None:
    assert any(name in OPERATIONS["timing"].body[0].text for name in TIMINGS)
