"""Filters over HTTP: both forms mean the same, the description shows them, errors name the cure."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api import filter_examples
from search.filters import Op, filter_from_json
from tests.error_shape import error_of

pytestmark = pytest.mark.model


def ids_of(client: TestClient, filter: object) -> list[str]:
    body = {"text": "dress", "filter": filter, "limit": 99}
    response = client.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    return sorted(hit["id"] for hit in response.json()["hits"])


def test_examples_show_every_comparison() -> None:
    shown = json.dumps(filter_examples.JSON_FORM)
    assert not [op for op in Op if op is not Op.EQ and f'"{op.value}"' not in shown]
    for example in filter_examples.JSON_FORM:
        filter_from_json(example)


@pytest.mark.parametrize(
    "example", [*filter_examples.JSON_FORM, *filter_examples.TEXT_FORM], ids=str
)
def test_examples_can_be_asked(client: TestClient, example: object) -> None:
    ids_of(client, example)


def test_the_description_has_the_examples(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    shown = schemas["SearchBody"]["properties"]["filter"]["examples"]
    assert shown == [*filter_examples.JSON_FORM, *filter_examples.TEXT_FORM]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("title^=Juniper", {"title": {"prefix": "Juniper"}}),
        ("tags:summer,holiday", {"tags": {"contains_any": ["summer", "holiday"]}}),
        ("tags:summer tags:holiday", {"tags": {"contains_all": ["summer", "holiday"]}}),
        ("exists tags", {"tags": {"exists": True}}),
        ("not exists price", {"price": {"exists": False}}),
        ("extra.maker=x", {"extra.maker": "x"}),
        ("not extra.maker=x", {"not": {"extra.maker": "x"}}),
    ],
)
def test_both_forms_find_the_same(client: TestClient, text: str, form: dict[str, Any]) -> None:
    asked = client.get("/v1/search", params={"q": "dress", "filter": text, "limit": 99})
    found = sorted(hit["id"] for hit in asked.json()["hits"])
    assert found == ids_of(client, form) == ids_of(client, text)


def test_what_they_find(client: TestClient, rows: list[dict[str, str]]) -> None:
    def expected(holds: Any) -> list[str]:
        return sorted(row["id"] for row in rows if holds(row))

    summer = expected(lambda row: "summer" in row["tags"].split("|"))
    assert 0 < len(summer) < len(rows)
    assert ids_of(client, "tags:summer") == summer
    juniper = expected(lambda row: row["title"].startswith("Juniper"))
    assert 0 < len(juniper) < len(rows)
    assert ids_of(client, "title^=Juniper") == juniper
    assert ids_of(client, "not exists extra.maker") == expected(lambda row: True)


@pytest.mark.parametrize(
    ("filter", "code", "said"),
    [
        ({"colour": {"gt": "red"}}, "filter_type", ["colour", "gt", "string", "eq, exists"]),
        ({"tags": ["a"]}, "filter_type", ["tags", "in", "Write tags:value"]),
        ({"price": {"prefix": "1"}}, "filter_type", ["price", "prefix", "float"]),
        ({"price": {"=>": 1}}, "filter_syntax", ["filter.price.=>", "Did you mean"]),
        ({"colr": "red"}, "unknown_field", ["colr", "Did you mean 'colour'?"]),
        ({"extra": {"eq": 1}}, "unknown_field", ["extra", "extra.NAME"]),
        ({"extra.a]": {"lt": "x"}}, "filter_type", ["extra.a]", "lt", "2024-05-31"]),
        ({'extra."]["': 1}, "filter_syntax", ["Milvus cannot read"]),
        ({"added_on": {"gte": "2024-02-30"}}, "filter_type", ["added_on", "2024-05-31"]),
        ({"or": [{"colour": "red"}] * 501}, "filter_syntax", ["501", "most"]),
        ("exists colr", "unknown_field", ["Did you mean 'colour'?"]),
        ("title^=", "filter_syntax", ["character 8", "title"]),
    ],
)
def test_errors_name_field_comparison_and_cure(
    client: TestClient, filter: object, code: str, said: list[str]
) -> None:
    error = error_of(client.post("/v1/search", json={"text": "a", "filter": filter}), 400)
    assert error["code"] == code
    assert not [words for words in said if words not in error["message"]], error["message"]
