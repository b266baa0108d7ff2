"""Numbers that cannot be believed never reach a strategy: each kind of trouble is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.decide import plan_for
from activities.metrics import gate, subjects
from activities.metrics.aside import doubting
from deploy import telling
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster, from_document
from plan_schemas.plan import Refused
from plan_schemas.usage import NONE, Usage
from tests.metrics.numbers import METRICS, NEEDS, believable, changed, strategy, with_gap
from tests.worlds import clusters

Spoil = Callable[[Usage, Cluster, str, list[str]], Usage]
FALLBACK = freeze({"use": "allocated", "at_most": 100})


def admitted(usage: Usage, cluster: Cluster, **declared: object) -> Usage:
    return gate.admitted(usage, NEEDS, strategy(**declared), cluster, METRICS)


def refused(usage: Usage, cluster: Cluster, **declared: object) -> str:
    with pytest.raises(Refused) as refusal:
        admitted(usage, cluster, **declared)
    return str(refusal.value)


@settings(max_examples=30, deadline=None)
@given(clusters(max_hosts=8))
def test_believable_numbers_come_through_and_everybody_has_one(cluster: Cluster) -> None:
    """Each subject of the cloud has a number between nothing and all that it has."""
    usage = believable(cluster)
    out = admitted(usage, cluster)
    for name, metric in METRICS.items():
        everybody = cluster.hosts if metric.subject == "host" else cluster.instances
        assert set(out.of(name)) == set(everybody)
        assert usage.of(name).items() <= out.of(name).items()
        assert all(0 <= value <= metric.most(cluster, s) for s, value in out.of(name).items())


@pytest.mark.parametrize(
    ("power", "state", "share"), [(1, "down", 1), (0, "up", 1), (4, "up", 0), (7, "up", 0), (4, "down", 0)]
)
def test_whom_nobody_can_measure_is_not_missed(power: int, state: str, share: float) -> None:
    """What is off uses nothing; what is lost with its host, or being built, counts as fully used."""
    row = {"uuid": "i", "name": "i", "host": "h", "power_state": power, "resources": {"MEMORY_MB": 512}}
    host = {
        "name": "h",
        "uuid": "h",
        "service": "h",
        "state": state,
        "inventory": {"MEMORY_MB": {"total": 4096}},
    }
    cluster = from_document(
        {"cloud": "c", "collected_at": "2026-01-01T00:00:00Z", "hosts": [host], "instances": [row]}
    )
    values = {name: {"h": 1.0} for name in METRICS if state == "up" and name.startswith("host")}
    out = admitted(Usage(freeze(values), at=cluster.collected_at), cluster)
    assert out.of("instance_ram_usage") == {"i": share * 512}
    assert out.of("instance_cpu_usage") == {"i": share * 100}
    assert out.of("host_ram_usage") == {"h": 1.0 if state == "up" else 4096}


def _missing(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    return changed(usage, metric, dict.fromkeys(chosen))


def _stale(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    return with_gap(usage, metric, "stale", chosen)


def _not_a_number(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    return changed(usage, metric, {s: (math.nan, math.inf, -math.inf)[i % 3] for i, s in enumerate(chosen)})


def _duplicate(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    return with_gap(usage, metric, "duplicate", chosen)


def _out_of_range(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    most, slack = METRICS[metric].most, METRICS[metric].slack
    beyond = [lambda s: most(cluster, s) + slack + 1, lambda s: -2.0, lambda s: most(cluster, s) * 1024 + 4e6]
    return changed(usage, metric, {s: beyond[i % 3](s) for i, s in enumerate(chosen)})


def _unknown(usage: Usage, cluster: Cluster, metric: str, chosen: list[str]) -> Usage:
    return changed(usage, metric, {f"strange-{s}": 1.0 for s in chosen})


TROUBLES: dict[str, Spoil] = {
    "missing": _missing,
    "stale": _stale,
    "not_a_number": _not_a_number,
    "duplicate": _duplicate,
    "out_of_range": _out_of_range,
    "unknown": _unknown,
}


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
@settings(max_examples=12, deadline=None)
@given(clusters(max_hosts=6), st.sampled_from(sorted(METRICS)), st.data())
def test_each_trouble_is_refused_by_name(
    trouble: str, cluster: Cluster, metric: str, data: st.DataObject
) -> None:
    """The refusal says metric, trouble, how many, the first five by name; no fallback saves what is wrong."""
    everybody = sorted(subjects.measured(METRICS[metric], cluster))
    if not everybody:
        return
    chosen = data.draw(st.lists(st.sampled_from(everybody), min_size=1, max_size=8, unique=True))
    spoilt = TROUBLES[trouble](believable(cluster), cluster, metric, chosen)
    said = refused(spoilt, cluster)
    assert f"{metric}: {len(chosen)} " in said
    assert f"({trouble}): " in said
    names = sorted(f"strange-{s}" if trouble == "unknown" else s for s in chosen)
    assert all(name in said for name in names[:5])
    assert all(f"{name}," not in said and f"({name})" not in said for name in names[5:])
    if trouble in gate.HOLES:
        out = admitted(spoilt, cluster, metrics_fallback=FALLBACK)
        assert all(out.of(metric)[s] == METRICS[metric].most(cluster, s) for s in chosen)
        (assumed,) = out.assumed
        assert f"{metric}: {len(chosen)} " in assumed
        assert "without a number counted as fully used: " in assumed
        assert all(name in assumed for name in names[:5])
    else:
        assert f"({trouble})" in refused(spoilt, cluster, metrics_fallback=FALLBACK)


@settings(max_examples=15, deadline=None)
@given(clusters(max_hosts=6), st.sampled_from(sorted(METRICS)), st.data())
def test_what_is_set_aside_has_no_number_and_its_host_is_in_doubt(
    cluster: Cluster, metric: str, data: st.DataObject
) -> None:
    """Nothing is invented: who lacks a number has none, and its host takes no part."""
    everybody = sorted(subjects.measured(METRICS[metric], cluster))
    if not everybody:
        return
    chosen = data.draw(st.lists(st.sampled_from(everybody), min_size=1, unique=True))
    holed = changed(believable(cluster), metric, dict.fromkeys(chosen))
    out = admitted(holed, cluster, metrics_fallback=freeze({"use": "set_aside", "at_most": 100}))
    known = cluster.hosts if metric.startswith("host") else cluster.instances
    assert set(out.of(metric)) == set(known) - set(chosen)
    hosts = {str(cluster.instances[s].host) if metric.startswith("instance") else s for s in chosen}
    assert set(out.aside) == hosts
    doubted = doubting(cluster, out.aside)
    assert {name for name, host in doubted.hosts.items() if host.uncertain} == hosts | {
        name for name, host in cluster.hosts.items() if host.uncertain
    }
    (assumed,) = out.assumed
    assert f"{metric}: {len(chosen)} " in assumed
    assert "which neither gives nor takes" in assumed


@settings(max_examples=15, deadline=None)
@given(clusters(min_hosts=4, max_hosts=8), st.sampled_from([n for n in sorted(METRICS) if n[0] == "i"]))
def test_another_unit_is_refused(cluster: Cluster, metric: str) -> None:
    """Fractions told as percent and GiB told as MiB are in range, but small everywhere."""
    declared = {metric: replace(METRICS[metric], suspicious_subjects=2)}
    usage = believable(cluster)
    in_another = {s: v / (100 if "cpu" in metric else 1024) for s, v in usage.of(metric).items()}
    if len(in_another) < 2:
        return
    judged = gate.judge(declared[metric], changed(usage, metric, dict(in_another)), cluster)
    assert "looks like another unit" in "".join(gate.told(judged, cluster))
    assert gate.judge(declared[metric], usage, cluster).is_sound


SMALL = {"strategy": "workload_balance", "name": "hot", "cloud": "small", "ballast": "v1", "kind": "Audit"}


def small(hosts: int, percent: float) -> tuple[Cluster, Usage]:
    """So many hosts with two instances each, all of which use as many percent."""
    room = {"VCPU": {"total": 24}, "MEMORY_MB": {"total": 65536}}
    named = [{"name": f"h{n}", "uuid": f"h{n}", "service": f"h{n}", "inventory": room} for n in range(hosts)]
    of = {"power_state": 1, "resources": {"VCPU": 8, "MEMORY_MB": 8192}}
    rows = [{"uuid": f"i{n}", "name": f"i{n}", "host": f"h{n // 2}", **of} for n in range(2 * hosts)]
    document = {"cloud": "small", "collected_at": "2026-01-01T00:00:00Z", "hosts": named, "instances": rows}
    values: dict[str, dict[str, float]] = {
        "instance_cpu_usage": {str(row["uuid"]): percent for row in rows},
        "host_cpu_usage": {str(host["name"]): percent for host in named},
    }
    cluster = from_document(document)
    return cluster, Usage(freeze(values), at=cluster.collected_at, source="tests")


def ends_with(hosts: int, percent: float) -> str:
    """What an audit of load says of such a cloud."""
    cluster, usage = small(hosts, percent)
    known = load()
    made = plan_for(admit.audit(SMALL, known), cluster, known, usage=usage)
    return str(made.plan.reason if made.plan else made.proposal.summary)


@pytest.mark.parametrize("hosts", [1, 3, 19])
def test_fractions_told_as_percent_are_never_an_empty_success_on_a_small_cloud(hosts: int) -> None:
    """So few may well be idle, and are not refused; but the end says what it takes for true, and to check."""
    beware = f"instance_cpu_usage: all are taken for idle: the greatest of {2 * hosts} numbers above 0 is 0.8"
    said = ends_with(hosts, 0.8)
    assert "No host in the choice is at 25 % or above" in said
    assert beware in said
    assert "unless they are, that is another unit: check the unit that the datasource declares" in said
    assert "taken for idle" not in ends_with(hosts, 80.0)
    assert "taken for idle" not in ends_with(hosts, 0.0)


def test_what_so_few_leave_in_doubt_stands_in_a_plan_too() -> None:
    """A plan that is made of such numbers has the sentence; one busy instance is enough for none."""
    cluster, usage = small(3, 0.1)
    uneven = changed(usage, "instance_cpu_usage", {"i0": 0.9, "i1": 0.9})
    known, even = load(), {"thresholds": {"instance_cpu_usage": 0.001}, "margin": 0}
    audit = admit.audit({**SMALL, "strategy": "workload_stabilization", "parameters": even}, known)
    made = plan_for(audit, cluster, known, usage=uneven)
    assert made.plan is not None
    sentence, _ = made.plan.model["usage"]["assumed"]
    assert "6 numbers above 0 is 0.9 percent, 0.9 % of what it can be" in sentence
    assert any(sentence in line for line in telling.proposed(made, {"decide_and_plan": 0.0}))
    busy = changed(usage, "instance_cpu_usage", {"i0": 90.0, "i1": 90.0})
    sure = plan_for(audit, cluster, known, usage=busy).plan
    assert sure is not None
    assert not any(s.startswith("instance_cpu_usage") for s in sure.model["usage"]["assumed"])


@settings(max_examples=10, deadline=None)
@given(clusters(max_hosts=6), st.floats(1, 30))
def test_too_many_holes_are_refused_whatever_the_fallback(cluster: Cluster, most: float) -> None:
    """A fallback speaks for so many percent of the subjects and for no more."""
    everybody = sorted(subjects.measured(METRICS["host_cpu_usage"], cluster))
    fallback = freeze({"use": "nothing", "at_most": most})
    for number in range(len(everybody) + 1):
        holed = changed(believable(cluster), "host_cpu_usage", dict.fromkeys(everybody[:number]))
        if 100 * number <= most * len(everybody):
            out = admitted(holed, cluster, metrics_fallback=fallback).of("host_cpu_usage")
            assert all(out[s] == 0 for s in everybody[:number])
        else:
            assert f"{number} host" in refused(holed, cluster, metrics_fallback=fallback)


@settings(max_examples=10, deadline=None)
@given(clusters(max_hosts=3), st.integers(-7200, 7200))
def test_usage_of_another_time_is_refused(cluster: Cluster, seconds: int) -> None:
    """Numbers and snapshot must be of one moment, as far as the metrics themselves may be old."""
    at = datetime.fromisoformat(cluster.collected_at) + timedelta(seconds=seconds)
    usage = replace(believable(cluster), at=at.isoformat())
    if abs(seconds) <= 900:
        assert admitted(usage, cluster).at == usage.at
    else:
        assert f"{timedelta(seconds=abs(seconds))} apart" in refused(usage, cluster)


@settings(max_examples=3, deadline=None)
@given(clusters(max_hosts=3))
def test_a_strategy_that_needs_metrics_decides_nothing_without(cluster: Cluster) -> None:
    """The refusal names the metrics and what to do; a strategy that needs none gets none."""
    said = refused(NONE, cluster)
    assert "hungry needs host_cpu_usage, host_ram_usage" in said
    assert "configure a datasource" in said
    assert gate.admitted(believable(cluster), (), strategy(), cluster, METRICS) == NONE


def test_a_time_of_no_day_is_refused() -> None:
    """It has the form of a time, so its document passes; the gate has to know when it was."""
    document = {"cloud": "c", "collected_at": "2026-01-01T00:00:00Z", "hosts": [], "instances": []}
    assert "2026-02-31T00:00:00Z is no time" in refused(
        Usage(at="2026-02-31T00:00:00Z"), from_document(document)
    )


def test_numbers_over_another_time_are_told_in_the_plan() -> None:
    """A snapshot's mean of five minutes is no sign that a load has lasted for an hour."""
    cluster = from_document(
        {"cloud": "c", "collected_at": "2026-01-01T00:00:00Z", "hosts": [], "instances": []}
    )
    usage = Usage(at=cluster.collected_at, over=freeze({need.metric: need.over for need in NEEDS}))
    assert admitted(usage, cluster).assumed == ()
    hour = [replace(NEEDS[0], period=3600.0, aggregate="min"), *NEEDS[1:]]
    told = gate.admitted(usage, hour, strategy(), cluster, METRICS).assumed
    assert told == (
        f"{NEEDS[0].metric}: the mean of 300 s stands for the min of 3600 s that the audit asks for",
    )
