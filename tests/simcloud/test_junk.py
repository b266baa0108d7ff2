"""Clients that send nonsense get an answer, never a crash."""

import random
import re
from collections import Counter
from typing import Any

from deploy.simcloud import keystone, nova, placement
from deploy.simcloud.api import handle
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.generate import generate
from deploy.simcloud.http import Request

JUNK: tuple[Any, ...] = (
    None,
    {},
    [],
    "x",
    3,
    {"a": 1},
    {"host": None},
    {"host": 3},
    {"server": {}},
    {"server": {"name": "x", "networks": "none", "flavorRef": "m1.small", "max_count": "x"}},
    {"metadata": 3},
    {"status": "disabled"},
    {"aggregate": 3},
    {"add_host": {}},
    {"tags": 3},
    {"quota_set": {"cores": "x"}},
    {"server_group": 3},
    {"auth": 3},
)
VERBS = (
    "os-migrateLive",
    "migrate",
    "resize",
    "confirmResize",
    "revertResize",
    "evacuate",
    "os-stop",
    "lock",
)
QUERY = (
    "limit",
    "marker",
    "changes-since",
    "host",
    "status",
    "all_tenants",
    "deleted",
    "required",
    "resources",
)


def _token(cloud: Cloud) -> str:
    user = cloud.identity.users["ballast"]
    return cloud.identity.issue(user, cloud.ids, now=cloud.now, ttl=1e9, method="password")[0]


def _path(cloud: Cloud, draw: random.Random, pattern: str) -> str:
    """A route with something in each blank that exists, or not."""
    things = [*list(cloud.instances)[:3], *cloud.host_by_uuid, *cloud.host_by_service, "1", "enable"]
    return re.sub(r"\(\?P<\w+>[^)]*\)", lambda _: draw.choice(things), pattern.removesuffix("/?$"))


def test_no_request_breaks_the_cloud() -> None:
    """Thousands of random requests on every route: each is answered in its service's own way."""
    cloud, draw = generate(5, 1), random.Random(1)
    token, answers = _token(cloud), Counter[int]()
    table = [(service, *row) for service in (nova, placement, keystone) for row in service.ROUTES._table]
    for _ in range(4000):
        service, method, pattern, _handler = draw.choice(table)
        path = service.ROUTES.prefix + _path(cloud, draw, pattern.pattern)
        acts = path.endswith("/action") and draw.random() < 0.8
        body = {draw.choice(VERBS): draw.choice(JUNK)} if acts else draw.choice(JUNK)
        query = {key: draw.choice(["1", "x", "", "in:a,b"]) for key in draw.sample(QUERY, draw.randint(0, 2))}
        version = f"compute 2.{draw.randint(1, 100)}, placement 1.{draw.randint(0, 39)}"
        answer = handle(
            cloud,
            Request(method, path, query, {"x-auth-token": token, "openstack-api-version": version}, body),
        )
        answer.raw()
        answers[answer.status] += 1
        cloud.advance(0.02)
    assert not [status for status in answers if status >= 500]
    assert len(answers) > 5
