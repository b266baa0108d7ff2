"""The course of a load: asked by one query more, judged like every number, carried by snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.decide import Made, plan_for
from activities.memory.store import SnapshotStore
from activities.metrics import gate
from activities.metrics.measure import measure
from activities.metrics.measuring import Measuring
from deploy.simcloud import load as loads
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.declared import declare
from plan_schemas import admit, model, needs
from plan_schemas import usage as usages
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict, freeze
from plan_schemas.model import Cluster, from_document
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Course, Usage
from tests.how.acting import observed
from tests.metrics.numbers import METRICS, strategy
from tests.metrics.serving import datasource, served

METRIC = "instance_cpu_usage"
Room = tuple[Cloud, str, Cluster]
TURN = 7200.0  # seconds of a wave, for half of which its host is hot
AUDIT = {"ballast": "v1", "kind": "Audit", "name": "a", "cloud": "simcloud", "strategy": "workload_balance"}


def waves() -> Cloud:
    """Two servers that are busy by turns of two hours on one host, and a host that is idle."""
    flavors = [{"name": "m", "vcpus": 16, "memory_mb": 8192}]
    load = {"cpu": 40, "ram": 50, "swing": 40, "period": TURN}
    servers = [{"name": f"web-{n}", "flavor": "m", "host": "a", "load": load} for n in "12"]
    return declare({"hosts": [{"name": "a"}, {"name": "b"}], "flavors": flavors, "servers": servers})


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    cloud = waves()
    cloud.advance(10 * TURN)
    with served(cloud) as origin:
        yield cloud, origin, observed(cloud)


def asked(hold: float) -> dict[str, Any]:
    return {**AUDIT, "parameters": {"threshold": 40, "hold": hold, "period": 300}}


def decided(room: Room, hold: float) -> tuple[Made, Cluster, Usage]:
    """By the product's own path, from the queries to the plan."""
    cloud, origin, then = room
    audit = admit.audit(asked(hold), load())
    cluster = replace(then, collected_at=cloud.moment.isoformat(timespec="seconds"))
    wanted = needs.of(load().strategies[audit.strategy], audit.parameters, METRICS)
    used = measure(datasource(origin), wanted, METRICS, cluster, now=cloud.moment)
    return plan_for(audit, cluster, load(), usage=used), cluster, used


def test_a_wave_shorter_than_hold_never_causes_a_plan_and_a_longer_one_does(room: Room) -> None:
    """Whenever it is looked at. A snapshot with the course decides the same offline, byte for byte."""
    cloud = room[0]
    plans = dict.fromkeys((0.0, 900.0, TURN / 2), 0)
    for _ in range(8):
        cloud.advance(TURN / 8)
        for hold in plans:
            made, cluster, used = decided(room, hold)
            plans[hold] += made.plan is not None
            document = usages.to_document(used)
            again = usages.from_document(document)
            known = model.from_document(model.to_document(cluster))
            assert again == used
            offline = plan_for(admit.audit(asked(hold), load()), known, load(), usage=again)
            assert offline == made
    assert plans[0.0] >= 3
    assert 1 <= plans[900.0] < plans[0.0]
    assert plans[TURN / 2] == 0


def test_a_hold_costs_one_query_for_each_metric_of_instances(room: Room) -> None:
    """Of whatever length it is: its windows become wider, never more than a few."""
    cloud = room[0]
    before = len(cloud.journal.lines)
    _, _, used = decided(room, 86_400.0)
    paths = [row["path"] for row in cloud.journal.lines[before:] if row.get("method")]
    assert paths == ["/prometheus/api/v1/query", "/prometheus/api/v1/query_range"]
    course = used.courses[METRIC]
    assert course.window == 4320
    assert {len(values) for values in course.values.values()} == {22}


def test_a_result_is_of_now_and_looks_back_on_nothing(room: Room, tmp_path: Path) -> None:
    """Whatever the audit says of `hold`: what must have lasted is asked only where it is decided."""
    cloud, origin, cluster = room
    store = SnapshotStore(tmp_path)
    measuring = Measuring(load(), store, [datasource(origin)])
    document, seen = admit.effective_audit(asked(900.0), load()), {"ref": store.put(cluster)}
    for is_result, queries in ((False, ["query", "query_range"]), (True, ["query"])):
        before = len(cloud.journal.lines)
        told = ActivityEnvironment().run(measuring.measure_usage, document, seen, is_result)
        paths = [row["path"] for row in cloud.journal.lines[before:] if row.get("method")]
        assert paths == [f"/prometheus/api/v1/{query}" for query in queries]
        assert bool(store.usage(told["ref"]).courses) is not is_result


def test_numbers_of_the_course_are_means_of_its_windows(room: Room) -> None:
    """Of the curve that was declared, within 1 %."""
    cloud = room[0]
    _, _, used = decided(room, 1800.0)
    course = used.courses[METRIC]
    for uuid, values in course.values.items():
        curve = loads.of(cloud, cloud.instances[uuid]).cpu
        for n, value in enumerate(reversed(values)):
            end = cloud.now - n * course.window
            assert value == pytest.approx(curve.over(end - course.window, end), rel=0.01, abs=0.5)


ROWS = [
    {"uuid": name, "name": name, "host": "h", "power_state": 1, "resources": {"VCPU": 2}, "created": created}
    for name, created in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-01-01T11:55:00Z"))
]
HOST = {"name": "h", "uuid": "h", "service": "h", "inventory": {"VCPU": {"total": 8}}}
AT = "2026-01-01T12:00:00Z"
CLUSTER = from_document({"cloud": "c", "collected_at": AT, "hosts": [HOST], "instances": ROWS})
WHOLE = (10.0,) * 5


def admitted(old: tuple[float | None, ...] | None, new: tuple[float | None, ...], hold: float = 180) -> Usage:
    """Two instances, of which one is five minutes old, with five windows of a minute each."""
    values = {uuid: of for uuid, of in (("old", old), ("new", new)) if of is not None}
    used = Usage(
        freeze({METRIC: {"old": 10.0, "new": 10.0}}),
        at=AT,
        courses=FrozenDict({METRIC: Course(60.0, freeze(values))} if values else {}),
    )
    hungry = replace(strategy(), metrics=(METRIC,), held=(METRIC,))
    return gate.admitted(used, [Need(METRIC, hold=hold)], hungry, CLUSTER, METRICS)


@pytest.mark.parametrize(
    ("old", "hold", "said"),
    [
        (
            (10.0, None, 10.0, 10.0, 10.0),
            180,
            "(interrupted): old (old, none in 1 of 5 times 60 s); see that",
        ),
        ((None, None, 10.0, 10.0, 10.0), 180, "(interrupted): old (old, none in 2 of 5 times 60 s)"),
        (None, 180, "1 instance of 2 have no number for a part of the time that it must have lasted"),
        (
            (10.0, 999.0, 10.0, 10.0, 10.0),
            180,
            "(out_of_range): old (old, 999 some time ago, expected 0 to 100",
        ),
        (WHOLE, 600, "300 s that were measured do not tell it: 720 s are needed; let the audit measure"),
    ],
)
def test_a_course_with_holes_or_wrong_numbers_is_refused_by_name(
    old: tuple[float | None, ...] | None, hold: float, said: str
) -> None:
    """What nobody knows may have been a pause of the load, so nothing is decided on it."""
    with pytest.raises(Refused) as refusal:
        admitted(old, WHOLE, hold)
    assert said in str(refusal.value)


def test_what_was_not_born_yet_used_nothing() -> None:
    """Its first windows are empty for a reason; a hole after that is one like everybody's."""
    long = (10.0,) * 8
    used = admitted(long, (None, None, None, None, 10.0, 10.0, 10.0, 10.0), 360)
    assert used.courses[METRIC].values["new"] == (0.0,) * 4 + (10.0,) * 4
    with pytest.raises(Refused, match="new"):
        admitted(long, (None, None, None, 10.0, None, 10.0, 10.0, 10.0), 360)


def test_where_nothing_runs_no_course_is_missed() -> None:
    """A cloud without instances has nothing that could have lasted, and nothing that is wrong."""
    empty = from_document({"cloud": "c", "collected_at": AT, "hosts": [HOST], "instances": []})
    used = gate.admitted(Usage(at=AT), [Need(METRIC, hold=180)], strategy(), empty, METRICS)
    assert used.courses[METRIC].values == {}


def test_without_a_course_a_hold_is_refused_with_what_to_do() -> None:
    """A snapshot that was taken without one never passes for a load that has lasted."""
    used = Usage(freeze({METRIC: {"old": 10.0, "new": 10.0}}), at=AT)
    with pytest.raises(Refused, match=r"its course was not measured; .*`--usage --hold 180`"):
        gate.admitted(used, [Need(METRIC, hold=180)], strategy(), CLUSTER, METRICS)
