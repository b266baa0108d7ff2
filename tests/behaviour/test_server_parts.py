"""Metadata and tags of servers: how they are read, changed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.clouds import Cloud

FIELD = "Invalid input for field/attribute "


def test_metadata_is_added_to_replaced_and_removed(cloud: Cloud) -> None:
    """POST adds, PUT replaces, one key is set, read and removed by itself; the server shows the sum."""
    server = cloud.boot(host="cmp-001", metadata={"a": "1"})
    path = f"/servers/{server}/metadata"
    assert cloud.request("POST", path, {"metadata": {"b": "2"}}).status == 200
    assert cloud.get(path)["metadata"] == {"a": "1", "b": "2"}
    assert cloud.request("PUT", path, {"metadata": {"c": "3"}}).body == {"metadata": {"c": "3"}}
    assert cloud.request("PUT", f"{path}/d", {"meta": {"d": "4"}}).status == 200
    assert cloud.get(f"{path}/d") == {"meta": {"d": "4"}}
    assert cloud.server(server)["metadata"] == {"c": "3", "d": "4"}
    assert cloud.request("DELETE", f"{path}/d").status == 204
    assert cloud.get(path)["metadata"] == {"c": "3"}


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        (
            "POST",
            "metadata",
            {"metadata": {"a": 1}},
            (400, FIELD + "a. Value: 1. 1 is not of type 'string'"),
        ),
        ("POST", "metadata", {}, (400, "'metadata' is a required property")),
        ("PUT", "metadata/c", {"meta": {"d": "3"}}, (400, "Request body and URI mismatch")),
        ("GET", "metadata/zz", None, (404, "Metadata item was not found")),
        ("DELETE", "metadata/zz", None, (404, "Metadata item was not found")),
        (
            "PUT",
            "tags",
            {"tags": ["a/b"]},
            (400, FIELD + "0. Value: a/b. 'a/b' does not match '^[^,/]*$'"),
        ),
        ("PUT", "tags", {"tags": "a"}, (400, FIELD + "tags. Value: a. 'a' is not of type 'array'")),
        ("PUT", "tags", {}, (400, "'tags' is a required property")),
        ("GET", "tags/zz", None, (404, "Server {server} has no tag 'zz'")),
        ("DELETE", "tags/zz", None, (404, "Instance {server} has no tag 'zz'")),
    ],
)
def test_wrong_metadata_and_tags_are_refused(
    cloud: Cloud, method: str, path: str, body: Any, refusal: tuple[int, str]
) -> None:
    """Each refusal has Nova's own words."""
    server = cloud.boot(host="cmp-001")
    status, text = refusal
    answer = cloud.request(method, f"/servers/{server}/{path}", body)
    assert answer.refusal == (status, text.replace("{server}", server))


def test_tags_are_set_together_and_one_by_one(cloud: Cloud) -> None:
    """A new tag is 201, one that is there 204; the server shows them, and all go at once."""
    server = cloud.boot(host="cmp-001")
    path = f"/servers/{server}/tags"
    assert cloud.request("PUT", path, {"tags": ["a", "b"]}).body == {"tags": ["a", "b"]}
    assert cloud.request("PUT", f"{path}/c").status == 201
    assert cloud.request("PUT", f"{path}/c").status == 204
    assert cloud.request("GET", f"{path}/c").status == 204
    assert cloud.request("DELETE", f"{path}/a").status == 204
    assert sorted(cloud.server(server)["tags"]) == ["b", "c"]
    assert cloud.request("DELETE", path).status == 204
    assert cloud.get(path)["tags"] == []
