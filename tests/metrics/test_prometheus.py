"""From a Prometheus over HTTP to usage that a strategy may believe, or to a sentence that says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.door import Failed, LockedOut, Transient
from activities.metrics import gate
from activities.metrics.measure import choose, measure
from activities.metrics.prometheus import ask
from deploy.checking import check
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.declared import declare
from deploy.simcloud.faults import MetricFault
from deploy.simcloud.generate import generate
from plan_schemas.dialect import Datasource
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Usage
from tests.how.acting import observed
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.serving import datasource, served, truth

HOUR = tuple(Need(need.metric, 3600.0) for need in NEEDS)


class Room:
    """A cloud of a day's age, what was observed of it, and its Prometheus."""

    def __init__(self, cloud: Cloud, origin: str) -> None:
        self.cloud, self.cluster, self.source = cloud, observed(cloud), datasource(origin)

    def measured(self, source: Datasource | None = None, needs: tuple[Need, ...] = HOUR) -> Usage:
        return measure(source or self.source, needs, METRICS, self.cluster, now=self.cloud.moment)

    def admitted(self, usage: Usage, cluster: Cluster | None = None) -> Usage:
        return gate.admitted(usage, HOUR, strategy(), cluster or self.cluster, METRICS)

    def refused(self, **fault: Any) -> str:
        """What a strategy's audit is told under a fault of the cloud's Prometheus."""
        number = self.cloud.faults.plant(MetricFault(**fault))
        try:
            with pytest.raises(Refused) as refusal:
                self.admitted(self.measured())
            return str(refusal.value)
        finally:
            self.cloud.faults.clear(number)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    cloud = generate(14, 3)
    cloud.advance(86_400)
    with served(cloud) as origin:
        yield Room(cloud, origin)


def test_usage_is_the_clouds_own_truth_by_one_query(room: Room) -> None:
    """Every subject's number is within 1 % of what the cloud knows of itself, whatever the cloud's size."""
    before = len(room.cloud.journal.lines)
    usage = room.admitted(room.measured())
    queries = [line["path"] for line in room.cloud.journal.lines[before:] if line.get("method")]
    assert queries == ["/prometheus/api/v1/query"]
    for metric, of in truth(room.cloud, 3600).items():
        assert len(of) > 5
        for subject, number in of.items():
            assert usage.of(metric)[subject] == pytest.approx(number, rel=0.01, abs=0.01)


def test_the_greatest_of_a_period_is_another_query(room: Room) -> None:
    """`max` is never less than the mean, and for some it is more."""
    needs = [tuple(Need("instance_cpu_usage", 21_600.0, kind) for _ in "1") for kind in ("mean", "max")]
    mean, most = (room.measured(needs=one).of("instance_cpu_usage") for one in needs)
    assert all(most[uuid] >= mean[uuid] - 0.001 for uuid in mean)
    assert any(most[uuid] > mean[uuid] * 1.05 for uuid in mean)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"effect": "missing"}, "have no number (missing)"),
        ({"effect": "stale", "seconds": 1000}, "the newest is 1,0"),
        ({"effect": "stale", "seconds": 2400}, "have only old samples (stale)"),
        ({"effect": "not_a_number"}, "nan"),
        ({"effect": "times", "times": 1e5}, "have numbers out of range (out_of_range)"),
        ({"effect": "times", "times": 0.001}, "looks like another unit"),
        ({"effect": "duplicate"}, "replica=b"),
        ({"effect": "unknown"}, "are measured, but not in this cloud (unknown)"),
    ],
)
def test_what_a_prometheus_gets_wrong_is_refused_by_name(
    room: Room, fault: dict[str, Any], said: str
) -> None:
    """Each fault of one metric leads to a refusal that names the metric, the trouble and the first few."""
    refusal = room.refused(metric="instance_ram_usage_bytes", **fault)
    assert "instance_ram_usage: " in refusal
    assert "instance_cpu_usage" not in refusal
    assert said in refusal


def test_the_one_of_many_is_named(room: Room) -> None:
    """A single instance without samples is told by its name and uuid."""
    server = next(s for s in room.cloud.instances.values() if s.power_state == 1 and s.host)
    refusal = room.refused(effect="missing", subjects=[server.uuid], metric="instance_cpu_usage_percent")
    assert f"instance_cpu_usage: 1 instance of {len(room.measured().of('instance_cpu_usage'))} " in refusal
    assert f"{server.name} ({server.uuid})" in refusal


def test_token_tenant_and_path_are_the_operators(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token from a file or a variable and a tenant's header open the door; without, we are locked out."""
    monkeypatch.setattr(room.cloud.settings, "metrics_token", "s3cret")
    monkeypatch.setattr(room.cloud.settings, "metrics_tenant", "prod")
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("OUR_TOKEN", "s3cret")
    tenant = {"X-Scope-OrgID": "prod"}
    for key, value in (("bearer_file", str(tmp_path / "token")), ("bearer_environment", "OUR_TOKEN")):
        source = replace(room.source, headers=tenant, **{key: value})  # type: ignore[arg-type]
        assert room.measured(source).of("host_cpu_usage")
        with pytest.raises(LockedOut, match=r"does not let us in \(401\); check `bearer` and `headers`"):
            room.measured(replace(source, headers={}))
    with pytest.raises(LockedOut, match="does not let us in"):
        room.measured(replace(room.source, headers=tenant))
    with pytest.raises(Failed, match="holds no token"):
        room.measured(replace(room.source, bearer_environment="NOT_THERE"))
    with pytest.raises(Failed, match=r"cannot be read from"):
        room.measured(replace(room.source, bearer_file=str(tmp_path / "none")))
    with pytest.raises(Failed, match=r"404.*check the path in `url`"):
        room.measured(
            replace(
                room.source, url=room.source.url + "/deeper", headers=tenant, bearer_environment="OUR_TOKEN"
            )
        )


def test_our_own_labels_narrow_the_query(room: Room) -> None:
    """Labels of the operator's reach every selector, so that another cloud's series are not ours."""
    assert room.measured(replace(room.source, labels={"cluster": "simcloud"})).of("host_cpu_usage")
    usage = room.measured(replace(room.source, labels={"cluster": 'other"} or {x="'}))
    assert not usage.of("host_cpu_usage")


def test_an_answer_in_part_is_waited_for(room: Room) -> None:
    """A store that did not answer may do so in a moment; nothing is decided without it."""
    number = room.cloud.faults.plant(MetricFault(effect="partial"))
    with pytest.raises(Transient, match="in part only, or warns: a store did not answer"):
        room.measured()
    room.cloud.faults.clear(number)


def test_the_one_metric_whose_query_is_wrong_is_named(room: Room) -> None:
    """All are asked at once; where that is refused each is asked alone, and nothing is decided."""
    good = room.source.metrics["host_cpu_usage"]
    wrong = replace(good, query={"mean": "nonsense(${labels})"})
    source = replace(room.source, metrics={**room.source.metrics, "host_cpu_usage": wrong})
    with pytest.raises(Failed, match=r"host_cpu_usage cannot be measured: .* answers bad_data"):
        room.measured(source)


def test_a_query_that_is_wrong_stays_wrong(room: Room) -> None:
    """What Prometheus says of it is told, with where to mend it."""
    with pytest.raises(Failed, match=r"answers bad_data: .*mend the query"):
        ask(room.source, "rate(")


def test_a_look_tells_what_there_is(room: Room) -> None:
    """How many, how fresh and from where to where, with a model of the cloud and without."""
    for cluster in (room.cluster, None):
        for name, found in check([room.source], list(METRICS.values()), "", cluster).items():
            assert found.is_good, found
            assert re.match(rf"\d+ {METRICS[name].subject}s, newest \d+ s old, \S+ to \S+ ", found.said)


def test_the_datasource_is_the_one_that_has_what_is_needed(room: Room) -> None:
    """The first of the cloud that can be asked for all; a name chooses; what is lacking is said."""
    other = replace(room.source, name="other", clouds=("elsewhere",))
    poor = replace(room.source, name="poor", metrics={})
    assert choose([other, poor, room.source], "here", NEEDS) is room.source
    with pytest.raises(Refused, match=r"no datasource other of the cloud here .*known: poor, sim; configure"):
        choose([other, poor, room.source], "here", NEEDS, "other")
    with pytest.raises(Refused, match=r"poor does not say how to ask for host_cpu_usage \(mean\)"):
        choose([poor], "here", NEEDS)
    with pytest.raises(Refused, match="no datasource of the cloud here is known for host_cpu_usage"):
        choose([], "here", NEEDS)


def test_a_declared_load_is_what_is_measured() -> None:
    """`load:` of a declared server says how busy it is, to the percent."""
    flavors = [{"name": "m", "vcpus": 4, "memory_mb": 8192}]
    load = {"cpu": 35, "ram": 60, "swing": 10, "period": 3600}
    servers = [{"name": "web", "flavor": "m", "host": "a", "load": load}]
    cloud = declare({"hosts": [{"name": "a"}], "flavors": flavors, "servers": servers})
    cloud.advance(7200)
    with served(cloud) as origin:
        usage = Room(cloud, origin).measured()
    (uuid,) = cloud.instances
    assert usage.of("instance_cpu_usage")[uuid] == pytest.approx(35, abs=0.1)
    assert usage.of("instance_ram_usage")[uuid] == pytest.approx(0.6 * 8192)
    assert usage.of("host_cpu_usage")["a"] == pytest.approx(1.5 + 100 * 0.35 * 4 / 32, abs=0.1)
