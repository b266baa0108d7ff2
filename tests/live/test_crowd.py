"""Many plans on few hosts: slots and budgets hold, by the records of the cloud."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import yaml

from deploy.local.stack import Stack
from tests.live.rooms import Rooms, states
from tests.live.sharing import (
    PERMITS,
    most_at_once,
    peak,
)
from tests.live.stack import Live

HOSTS, SERVERS = ("y-1", "y-2", "y-3", "z-1", "z-2"), 40

BUDGETS = """
ballast: v1
kind: Policy
name: calm
budgets:
  - {per: zone, count: 2}
  - {per: cloud, percent: 8}
  - {per: cloud, count: 1000, within: 1h}
"""


def most_in_a_zone(live: Live, zones: str = "") -> int:
    """The most migrations at once that touched one zone, or any of these."""
    spans: dict[str, list[tuple[float, int]]] = {}
    for row in live.sim("state")["migrations"]:
        for zone in {zones or row["source"][0], zones or row["dest"][0]}:
            spans.setdefault(zone, []).extend([(row["created"], 1), (row["updated"], -1)])
    return peak(spans)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("crowd")
    cloud = {
        "name": "crowd",
        "seed": 3,
        "hosts": [{"name": zone, "count": sum(h[0] == zone for h in HOSTS), "zone": zone} for zone in "yz"],
        "flavors": [{"name": "small", "vcpus": 1, "memory_mb": 1024, "disk_gb": 5}],
        "servers": [
            {"name": f"vm{n}", "flavor": "small", "host": HOSTS[n % len(HOSTS)]} for n in range(SERVERS)
        ],
    }
    path = directory / "crowd.yaml"
    path.write_text(yaml.safe_dump(cloud))
    (directory / "policy.yaml").write_text(BUDGETS)
    stack = Stack(directory, worker={"BALLAST_POLICIES": str(directory / "policy.yaml")})
    stack.up(["--cloud", str(path)], speed=20.0)
    yield Live(stack)
    stack.down()


def test_ten_plans_never_exceed_the_slots_of_a_host(crowd: Live) -> None:
    """Ten plans at once over the same five hosts: nowhere more than one migration out and two in, and never
    more at once than the budgets of zone and cloud let through, by the cloud's own records."""
    start = Rooms(crowd, "start")
    start.remember()
    servers, r = sorted(start.uuids), random.Random(7)
    r.shuffle(servers)
    ids = []
    for n in range(10):
        rooms = Rooms(crowd, f"crowd-{n}", start.uuids, start.home)
        moves = []
        for server in servers[4 * n : 4 * n + 4]:
            home = rooms.home[rooms.uuids[server]]
            to = r.choice([host for host in HOSTS if host != home])
            moves.append(rooms.move(server, to))
        ids.append(rooms.start(*moves))
    assert {id: crowd.closed(id, within=240) for id in ids} == dict.fromkeys(ids, "COMPLETED")
    assert {str(s) for id in ids for s in states(crowd.query(id)).values()} == {"SUCCEEDED"}
    assert len(crowd.moves()) == SERVERS
    out, into = most_at_once(crowd, since=0.0)
    assert out == 1
    assert 1 <= into <= 2
    assert most_in_a_zone(crowd) == 2
    assert most_in_a_zone(crowd, "yz") <= SERVERS * 8 // 100
    told = crowd.query(PERMITS)
    assert not told["holders"], json.dumps(told)
    assert not told["waiting"]
    (hourly,) = told["budgets"].items()
    assert hourly == (
        "budget of cloud simcloud in 3600 s of policy calm",
        {"used": SERVERS, "limit": 1000, "waiting": 0, "within_seconds": 3600.0},
    )
