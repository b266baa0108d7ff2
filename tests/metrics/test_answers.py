"""How the series of an answer find their subjects, and their numbers the metric's unit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.metrics import answer, units
from plan_schemas.dialect import Naming
from plan_schemas.model import Cluster, from_document
from plan_schemas.plan import Refused
from plan_schemas.queries import KIND
from tests.metrics.numbers import METRICS

CLUSTER: Cluster = from_document(
    {
        "cloud": "c",
        "collected_at": "2026-01-01T00:00:00Z",
        "hosts": [
            {
                "name": name,
                "uuid": name,
                "service": name,
                "inventory": {"VCPU": {"total": 16}, "PCPU": {"total": 4}},
            }
            for name in ("cmp-01.example.org", "cmp-02.example.org")
        ],
        "instances": [{"uuid": "u", "name": "u", "resources": {"VCPU": 4}}],
    }
)
HOST_CPU, INSTANCE_CPU = METRICS["host_cpu_usage"], METRICS["instance_cpu_usage"]


def series(label: str, value: object, kind: str = "value", **more: str) -> dict[str, Any]:
    return {"metric": {"instance": label, KIND: kind, **more}, "value": [1000.0, str(value)]}


def read(naming: Naming, *labels: str) -> answer.Read:
    rows = [series(one, n, kind) for one in labels for kind, n in (("value", 7), ("newest", 990))]
    return answer.read(rows, HOST_CPU, "percent", naming, CLUSTER)


@pytest.mark.parametrize(
    ("naming", "told"),
    [
        (Naming("instance"), "cmp-01.example.org"),
        (Naming("instance", strip_port=True), "cmp-01.example.org:9100"),
        (Naming("instance", short_names=True), "cmp-01"),
        (Naming("instance", short_names=True, strip_port=True), "cmp-01.other.domain:9100"),
        (Naming("instance", match="^node/(.+)$"), "node/cmp-01.example.org"),
    ],
)
def test_a_label_names_its_host_in_many_ways(naming: Naming, told: str) -> None:
    """With a port, short, within a longer text."""
    assert dict(read(naming, told).values) == {"cmp-01.example.org": 7.0}


def test_what_does_not_match_is_anothers_and_two_of_one_name_are_told() -> None:
    """cmp-0 never stands for cmp-01, and two series of one host are a duplicate, with their labels."""
    assert read(Naming("instance", match="^node/(.+)$"), "vm/cmp-01.example.org").series == 0
    assert dict(read(Naming("instance"), "cmp-0").values) == {"cmp-0": 7.0}
    twice = read(Naming("instance", short_names=True), "cmp-01.a", "cmp-01.b")
    assert "instance=cmp-01.a" in twice.gaps["duplicate"]["cmp-01.example.org"]
    assert "instance=cmp-01.b" in twice.gaps["duplicate"]["cmp-01.example.org"]


@pytest.mark.parametrize(
    ("unit", "value", "percent"), [("percent", 12.5, 12.5), ("ratio", 0.125, 12.5), ("cores", 0.5, 12.5)]
)
def test_units_of_cpu_become_percent_of_the_instances_vcpus(unit: str, value: float, percent: float) -> None:
    """Half a core of four is an eighth."""
    assert value * units.factor(INSTANCE_CPU, unit, CLUSTER, "u") == pytest.approx(percent)


def test_cores_of_a_host_are_all_its_real_ones() -> None:
    """Those for pinned instances too, and no allocation ratio."""
    assert 10 * units.factor(HOST_CPU, "cores", CLUSTER, "cmp-01.example.org") == pytest.approx(50)


@given(st.floats(1, 1e6), st.sampled_from([("B", 2**20), ("KiB", 2**10), ("MiB", 1), ("GiB", 2**-10)]))
def test_units_of_memory_become_mebibytes(mebibytes: float, unit: tuple[str, float]) -> None:
    """Whatever the datasource tells it in."""
    factor = units.factor(METRICS["host_ram_usage"], unit[0], CLUSTER, "cmp-01.example.org")
    assert mebibytes * unit[1] * factor == pytest.approx(mebibytes)


def test_a_unit_of_something_else_is_refused() -> None:
    """Bytes are no share of time."""
    with pytest.raises(
        Refused, match=r"host_cpu_usage is in percent, which B cannot become; take one of percent"
    ):
        units.factor(HOST_CPU, "B", CLUSTER, "cmp-01.example.org")


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"metric": {}},
        {"metric": {}, "value": [1]},
        {"metric": {KIND: "value"}, "value": [1, "x"]},
        series("a", 1, "else"),
        {"metric": {KIND: ["value"]}, "value": [1, "1"]},
        {"metric": {KIND: "value", "instance": 5}, "value": [1, "1"]},
        7,
    ],
)
def test_an_answer_of_another_form_is_said_to_be_one(row: Any) -> None:
    """Never taken for no series at all."""
    with pytest.raises(answer.Unreadable, match=r"a sample is not as|a series has the label"):
        answer.read([row], HOST_CPU, "percent", Naming("instance"), CLUSTER)
