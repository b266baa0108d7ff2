"""What all of Nova's resources share: routes, microversions, errors, paging, policy."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from deploy.simcloud.http import Call, Request, Response, Routes, Version
from deploy.simcloud.refusal import Refusal

ROUTES = Routes("/compute")
MIN, MAX = (2, 1), (2, 100)
OPEN = frozenset({"/compute", "/compute/", "/compute/v2.1", "/compute/v2.1/"})
_KINDS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def error_body(status: int, message: str, _request_id: str) -> dict[str, Any]:
    return {_KINDS.get(status, "computeFault"): {"code": status, "message": message}}


def negotiate(request: Request, service: str, low: Version, high: Version) -> Version:
    """The microversion a request asks for."""
    wanted = None
    for part in request.headers.get("openstack-api-version", "").split(","):
        words = part.split()
        if len(words) == 2 and words[0].lower() == service:
            wanted = words[1]
    if wanted is None and service == "compute":
        wanted = request.headers.get("x-openstack-nova-api-version")
    if wanted is None:
        return low
    if wanted == "latest":
        return high
    try:
        major, minor = (int(word) for word in wanted.split("."))
    except ValueError:
        raise Refusal(
            400, f"API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum."
        ) from None
    if not low <= (major, minor) <= high:
        raise Refusal(
            406,
            f"Version {wanted} is not supported by the API. "
            f"Minimum is {low[0]}.{low[1]} and maximum is {high[0]}.{high[1]}.",
        )
    return major, minor


def version_headers(version: Version) -> dict[str, str]:
    text = f"{version[0]}.{version[1]}"
    return {
        "OpenStack-API-Version": f"compute {text}",
        "X-OpenStack-Nova-API-Version": text,
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": f"{MAX[0]}.{MAX[1]}",
        "min_version": f"{MIN[0]}.{MIN[1]}",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.origin}/compute/v2.1/"}],
    }


@ROUTES.on("GET", "")
def versions(call: Call) -> Response:
    return Response(200, {"versions": [_version(call.request)]})


@ROUTES.on("GET", "/v2.1")
def version(call: Call) -> Response:
    media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
    return Response(200, {"version": {**_version(call.request), "media-types": [media]}})


def require_admin(call: Call, rule: str) -> None:
    """Only admins may change; readers of the cloud may look."""
    looks = call.request.method == "GET"
    if not (call.by.admin or (looks and call.by.sees_all)):
        raise Refusal(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")


def links(call: Call, path: str) -> list[dict[str, str]]:
    origin = call.request.origin
    return [
        {"rel": "self", "href": f"{origin}/compute/v2.1/{path}"},
        {"rel": "bookmark", "href": f"{origin}/compute/{path}"},
    ]


def number(call: Call, name: str, default: int) -> int:
    """A whole number of the query."""
    given = call.query.get(name, str(default))
    if re.fullmatch("[0-9]*", given) is None:
        problem = f"{given!r} does not match '^[0-9]*$'"
        raise Refusal(400, f"Invalid input for query parameters {name}. Value: {given}. {problem}")
    return int(given or default)


def page_size(call: Call) -> int:
    """The client's limit, never more than the service's own."""
    most = call.cloud.settings.max_limit
    return min(number(call, "limit", most), most)


def next_link(call: Call, rows: Iterable[Any], size: int, marker: str | None) -> list[dict[str, str]]:
    """Nova offers a next page whenever this one is full, even if nothing follows."""
    if marker is None or size == 0 or len(list(rows)) < size:
        return []
    query = urlencode({**call.query, "marker": marker})
    return [{"rel": "next", "href": f"{call.request.origin}{call.request.path}?{query}"}]


def marker_not_found(marker: str) -> Refusal:
    return Refusal(400, f"marker [{marker}] not found")
