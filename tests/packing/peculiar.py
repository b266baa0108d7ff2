"""Clouds in which hosts and servers have whatever a standing rule can ask for, near misses among it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from plan_schemas.frozen import FrozenDict, freeze
from plan_schemas.model import Aggregate, Cluster, Host, Instance, Provider
from tests.packing.boards import sharing

T = TypeVar("T", Host, Instance)
NESTED = "CUSTOM_NESTED"
HOSTS: tuple[dict[str, Any], ...] = (
    *({},) * 3,
    {"providers": (Provider("numa", "numa", "root", traits=(NESTED,)),)},
    {"traits": ("COMPUTE_NODE", NESTED)},
    {"hypervisor_type": "VMware vCenter Server"},
    {"zone": "az9"},
)
SERVERS: tuple[dict[str, Any], ...] = (
    *({},) * 4,
    {"pinned_az": "az9"},
    {"project": "gold"},
    {"project": "silver"},
    {"image_properties": {f"trait:{NESTED}": "required"}},
    {"image_properties": {"os_type": "linux"}},
    {"image_properties": {"os_type": "windows", "hw_disk_bus": "virtio"}},
    {"extra_specs": {f"trait1:{NESTED}": "required"}},
    {"extra_specs": {f"trait:{NESTED}": "forbidden"}},
    {"extra_specs": {"aggregate_instance_extra_specs:speed": ">= 5"}},
    {"extra_specs": {"aggregate_instance_extra_specs:speed": "<or> 4 <or> 9"}},
)
AGGREGATES: tuple[dict[str, str], ...] = (
    {"speed": "4"},
    {"speed": "6, 9"},
    {"os_type": "linux,freebsd"},
    {f"trait:{NESTED}": "required"},
    {"filter_tenant_id": "gold"},
    {"filter_tenant_id": "silver", "speed": "5"},
)


@st.composite
def peculiar(draw: st.DrawFn, max_hosts: int = 9) -> Cluster:
    """It may not be legal as it stands: what is asked is where a server could go."""
    cluster = draw(sharing(max_hosts=max_hosts))
    hosts = {name: _changed(draw, host, HOSTS) for name, host in cluster.hosts.items()}
    instances = {uuid: _changed(draw, one, SERVERS) for uuid, one in cluster.instances.items()}
    for uuid in draw(st.sets(st.sampled_from(list(instances)), max_size=3)) if instances else ():
        other = draw(st.sampled_from(list(instances)))
        instances[uuid] = replace(instances[uuid], scheduler_hints=freeze({"different_host": [other]}))
    added = {}
    for n, metadata in enumerate(draw(st.lists(st.sampled_from(AGGREGATES), max_size=4))):
        members = draw(st.sets(st.sampled_from(list(hosts)), min_size=1))
        added[f"x-{n}"] = Aggregate(f"x-{n}", f"extra {n}", tuple(sorted(members)), freeze(metadata))
    return replace(
        cluster,
        hosts=FrozenDict(hosts),
        instances=FrozenDict(instances),
        aggregates=FrozenDict(sorted({**cluster.aggregates, **added}.items())),
    )


def _changed(draw: st.DrawFn, one: T, among: tuple[dict[str, Any], ...]) -> T:
    return replace(one, **{name: freeze(value) for name, value in draw(st.sampled_from(among)).items()})
