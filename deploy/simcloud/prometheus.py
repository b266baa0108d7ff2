"""/prometheus/api/v1/query: the cloud's metrics as a Prometheus behind a path serves them."""

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.gauges import series
from deploy.simcloud.http import Request, Response
from deploy.simcloud.promql import BadData, Query

PREFIX = "/prometheus"


def handle(cloud: Cloud, request: Request) -> Response:
    """Token and tenant, where the settings demand them, before anything is looked at."""
    token, tenant = cloud.settings.metrics_token, cloud.settings.metrics_tenant
    if token and request.headers.get("authorization") != f"Bearer {token}":
        return Response(401, {"error": "Unauthorized"})
    if tenant and request.headers.get("x-scope-orgid") != tenant:
        return Response(401, {"error": "no org id"})
    if request.path.rstrip("/") != f"{PREFIX}/api/v1/query":
        return Response(404, {"error": "404 page not found"})
    given = request.body if request.method == "POST" and isinstance(request.body, dict) else request.query
    try:
        vector = Query(
            str(given.get("query", "")),
            lambda name: series(cloud, name),
            cloud.now,
            lambda second: cloud.clock.moment(second).timestamp(),
        ).run()
    except BadData as error:
        return Response(400, {"status": "error", "errorType": "bad_data", "error": str(error)})
    now = cloud.moment.timestamp()
    result = [{"metric": labels, "value": [now, _number(value)]} for labels, value in vector]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    if any(fault.effect == "partial" for fault in cloud.faults.metric):
        body["warnings"] = ["a store did not answer"]
    return Response(200, body)


def _number(value: float) -> str:
    """As Go writes it."""
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))
