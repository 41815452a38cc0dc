from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from perdure.api.endpoint import Body, Endpoint
from perdure.api.openapi import COMMAND, document, document_json
from perdure.api.table import ENDPOINTS

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document()


def operation_of(made: dict[str, Any], endpoint: Endpoint[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["paths"][endpoint.path][endpoint.verb.lower()]
    return found


def test_the_file_is_what_the_table_says(made: dict[str, Any]) -> None:
    assert json.loads(FILE.read_text()) == made, f"docs/openapi.json is stale: run  {COMMAND}"


def test_the_command_makes_the_file() -> None:
    done = subprocess.run([sys.executable, "-m", COMMAND.split()[2]], capture_output=True, text=True, check=True)
    assert done.stdout == FILE.read_text()


def test_what_is_served_is_the_same(made: dict[str, Any]) -> None:
    assert json.loads(document_json()) == made


def test_the_document_is_openapi(made: dict[str, Any]) -> None:
    OPENAPI_31_VALIDATOR.validate(made)
    for schema in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_references_lead_somewhere(made: dict[str, Any]) -> None:
    for reference in _references(made):
        found: Any = made
        for name in reference.removeprefix("#/").split("/"):
            assert name in found, reference
            found = found[name]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_each_field_of_a_request_is_in_one_place(made: dict[str, Any], endpoint: Endpoint[Any, Any]) -> None:
    operation = operation_of(made, endpoint)
    named = [(one["in"], one["name"]) for one in operation.get("parameters", ()) if "name" in one]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = [name for place, name in named if place != "header"] + list(body.get("properties", ()))
    assert sorted(fields) == sorted(endpoint.request.__struct_fields__)
    assert [name for place, name in named if place == "path"] == list(endpoint.path_fields)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_each_endpoint_says_who_may_and_what_comes(made: dict[str, Any], endpoint: Endpoint[Any, Any]) -> None:
    operation = operation_of(made, endpoint)
    assert operation["security"] == [{"token": [str(endpoint.scope)]}]
    assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"])
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert (key in operation.get("parameters", ())) == endpoint.takes_key
    success = next(one for status, one in operation["responses"].items() if status < "300")
    if endpoint.body is Body.EVENTS:
        assert list(success["content"]) == ["text/event-stream"]


def test_no_description_has_marks_of_docstrings(made: dict[str, Any]) -> None:
    for part in _parts(made):
        text = part.get("description")
        if isinstance(text, str):
            assert "``" not in text
            assert "Attributes:" not in text


def _references(value: Any) -> list[str]:
    return [part["$ref"] for part in _parts(value) if isinstance(part.get("$ref"), str)]


def _parts(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(part for one in value.values() for part in _parts(one))]
    return [part for one in value for part in _parts(one)] if isinstance(value, list) else []
