"""/prometheus/api/v1/query and query_range: the cloud's metrics as a Prometheus behind a path serves them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.gauges import series
from deploy.simcloud.http import Request, Response
from deploy.simcloud.promql import BadData, Query, Vector

PREFIX = "/prometheus"
MOST = 11_000  # points of a series, as Prometheus itself has it


def handle(cloud: Cloud, request: Request) -> Response:
    """Token and tenant, where the settings demand them, before anything is looked at."""
    token, tenant = cloud.settings.metrics_token, cloud.settings.metrics_tenant
    if token and request.headers.get("authorization") != f"Bearer {token}":
        return Response(401, {"error": "Unauthorized"})
    if tenant and request.headers.get("x-scope-orgid") != tenant:
        return Response(401, {"error": "no org id"})
    answer = {"query": _instant, "query_range": _ranged}.get(
        request.path.rstrip("/").removeprefix(f"{PREFIX}/api/v1/")
    )
    if answer is None:
        return Response(404, {"error": "404 page not found"})
    given = request.body if request.method == "POST" and isinstance(request.body, dict) else request.query
    try:
        data = answer(cloud, given)
    except BadData as error:
        return Response(400, {"status": "error", "errorType": "bad_data", "error": str(error)})
    body: dict[str, Any] = {"status": "success", "data": data}
    if any(fault.effect == "partial" for fault in cloud.faults.metric):
        body["warnings"] = ["a store did not answer"]
    return Response(200, body)


def _instant(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    now = cloud.moment.timestamp()
    vector = _evaluated(cloud, given, cloud.now)
    result = [{"metric": labels, "value": [now, _number(value)]} for labels, value in vector]
    return {"resultType": "vector", "result": result}


def _ranged(cloud: Cloud, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        start, end, step = (float(given[key]) for key in ("start", "end", "step"))
    except (KeyError, ValueError):
        raise BadData("start, end and step are seconds") from None
    if step <= 0 or not 0 <= (end - start) / step <= MOST:
        raise BadData(f"a step of 0 or less, or more than {MOST:,} points")
    found: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
    for n in range(int((end - start) / step + 1e-6) + 1):
        at = start + n * step
        for labels, value in _evaluated(cloud, given, cloud.clock.seconds(datetime.fromtimestamp(at, UTC))):
            found.setdefault(tuple(sorted(labels.items())), []).append([at, _number(value)])
    result = [{"metric": dict(labels), "values": values} for labels, values in found.items()]
    return {"resultType": "matrix", "result": result}


def _evaluated(cloud: Cloud, given: Mapping[str, Any], now: float) -> Vector:
    return Query(
        str(given.get("query", "")),
        lambda name: series(cloud, name, now),
        now,
        lambda second: cloud.clock.moment(second).timestamp(),
    ).run()


def _number(value: float) -> str:
    """As Go writes it."""
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))
