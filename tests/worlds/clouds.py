"""Random clouds that start legal: every instance is put where the judge finds nothing against it.

A drawn zero is always the plain choice, so a failing cloud shrinks towards few hosts and no features.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from plan_schemas.model import Cluster, from_document
from tests.judge.picture import Picture, Terms
from tests.judge.places import crowding, fixed

Row = dict[str, Any]
KINDS = ((12, 4.0, 49_152, 400), (8, 4.0, 34_816, 400), (16, 1.5, 67_584, 800))  # VCPU, ratio, MB, GB
FLAVORS = {
    "small": (2, 4_096, 20),
    "medium": (4, 8_192, 40),
    "large": (8, 16_384, 80),
    "cpu": (10, 4_096, 40),  # more than the smallest host really has
    "memory": (4, 24_576, 40),
    "tiny": (1, 2_048, 10),
}
DENSITIES = (2, 3, 4, 5, 6, 7, 8)  # instances per two hosts; four large ones fill a host
TRAITS = ("HW_CPU_X86_AVX512F", "CUSTOM_NVME")
TRUST = {"down", "disabled", "uncertain", "out_of_scope"}  # no obstacle to having been there before
# Every kind of particularity a cloud may have; most clouds have at least those that are demanded.
FEATURES = (
    *(
        "groups",
        "pins",
        "traits",
        "locked",
        "disabled",
        "down",
        "aggregate",
        "tenant",
        "claimed",
        "uncertain",
    ),
    *("custom", "volume", "paused", "shutoff", "verify_resize", "migrating", "error", "offloaded"),
    *("hypervisor", "numa", "image", "metadata", "lifecycle"),
)
DEMANDED = FEATURES[:6]


class Drawn(NamedTuple):
    """What was drawn for one instance."""

    host: int
    flavor: str
    project: str


@st.composite
def clusters(
    draw: st.DrawFn, *, min_hosts: int = 2, max_hosts: int = 14, constrained: bool = False
) -> Cluster:
    """A legal cloud, mostly (`constrained`: always) with groups, pins, traits, locked servers, disabled and
    down hosts.
    """
    return from_document(draw(snapshots(min_hosts=min_hosts, max_hosts=max_hosts, constrained=constrained)))


@st.composite
def snapshots(draw: st.DrawFn, *, min_hosts: int = 2, max_hosts: int = 14, constrained: bool = False) -> Row:
    """The Snapshot document of such a cloud."""
    features = draw(_features()) | (set(DEMANDED) if constrained else set())
    rich = set(DEMANDED) <= features
    size = draw(st.integers(min(max(min_hosts, 6 if rich else 2), max_hosts), max_hosts))
    hosts = [_host(draw, i, size, features) for i in range(size)]
    document: Row = {
        "ballast": "v1",
        "kind": "Snapshot",
        "cloud": "random",
        "collected_at": "2026-01-01T00:00:00Z",
        "microversions": {},
        "hosts": hosts,
        "instances": [],
        "aggregates": _aggregates(hosts, features),
        "groups": [],
        "notes": [],
    }
    picture = Picture(document)
    count = size * draw(st.sampled_from(DENSITIES)) // 2
    for drawn in draw(st.lists(_instances(size), min_size=count, max_size=count)):
        _settle(picture, document, drawn)
    _groups(draw, picture, document, features)
    _particularities(draw, picture, document, features)
    return document


@st.composite
def _features(draw: st.DrawFn) -> set[str]:
    """None, any, or (mostly) all that are demanded and any others."""
    measure = draw(st.sampled_from(["rich"] * 8 + ["any", "plain"]))
    if measure == "plain":
        return set()
    some = set(draw(st.lists(st.sampled_from(FEATURES), unique=True, max_size=len(FEATURES))))
    return some.union(DEMANDED) if measure == "rich" else some


def _instances(size: int) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        host=st.integers(0, size - 1),
        flavor=st.sampled_from(sorted(FLAVORS, key=lambda f: FLAVORS[f][1])),
        project=st.sampled_from(["red", "green", "blue", "red", "gold"]),
    )


def _host(draw: st.DrawFn, i: int, size: int, features: set[str]) -> Row:
    """Zones and traits alternate; the last hosts carry what few hosts have."""
    vcpu, ratio, memory, disk = KINDS[draw(st.integers(0, len(KINDS) - 1))]
    host: Row = {
        "name": f"h{i:02}",
        "uuid": f"rp-{i:02}",
        "service": f"s-{i:02}",
        "zone": f"az{i % (1 + size // 6)}",
        "traits": ["COMPUTE_NODE", *(t for j, t in enumerate(TRAITS) if (i + j) % 2 == 0)],
        "inventory": {
            "VCPU": {"total": vcpu, "reserved": 0, "allocation_ratio": ratio, "max_unit": vcpu},
            "MEMORY_MB": {"total": memory, "reserved": 2_048, "allocation_ratio": 1.0},
            "DISK_GB": {"total": disk, "reserved": 0, "allocation_ratio": 1.0},
        },
    }
    if "custom" in features and i % 2 == 0:
        host["inventory"]["CUSTOM_LICENCE"] = {"total": 4}
    last = size - 1 - i
    if last == 0 and "disabled" in features:
        host |= {"status": "disabled", "disabled_reason": "bad DIMM"}
    if last == 1 and "down" in features:
        host["state"] = "down"
    if last == 2 and "uncertain" in features and size > 6:
        host["uncertain"] = "Placement counts 2 VCPU more than its servers explain"
    if last == 3 and "hypervisor" in features and size > 7:
        host["hypervisor_type"] = "VMware vCenter Server"
    if last == 4 and "claimed" in features:
        host["claimed"] = {"VCPU": 4, "MEMORY_MB": 8_192}
    return host


def _aggregates(hosts: list[Row], features: set[str]) -> list[Row]:
    out: list[Row] = []
    for zone in sorted({h["zone"] for h in hosts}):
        own = [h["name"] for h in hosts if h["zone"] == zone]
        out.append({"id": f"z-{zone}", "name": zone, "hosts": own, "metadata": {"availability_zone": zone}})
    if "aggregate" in features:
        fast = [h["name"] for h in hosts[::2]]
        out.append({"id": "a-ssd", "name": "ssd", "hosts": fast, "metadata": {"ssd": "true"}})
    if "tenant" in features and len(hosts) > 4:
        kept = {"filter_tenant_id": "gold", "filter_tenant_id2": "silver,grey"}
        out.append(
            {"id": "a-kept", "name": "kept", "hosts": [h["name"] for h in hosts[:2]], "metadata": kept}
        )
    return out


def _settle(picture: Picture, document: Row, drawn: Drawn, **more: Any) -> Row | None:
    """Put a new instance on its host, or on the next that takes it; None when no host does."""
    n = len(document["instances"])
    vcpu, memory, disk = FLAVORS[drawn.flavor]
    row: Row = {
        "uuid": _uuid(n),
        "name": f"vm-{n:03}",
        "host": None,
        "project": drawn.project,
        "flavor": drawn.flavor,
        "resources": {"VCPU": vcpu, "MEMORY_MB": memory, "DISK_GB": disk},
        **more,
    }
    return row if _place(picture, document, row, drawn.host) else None


def _uuid(n: int) -> str:
    return f"{n:08x}-0000-4000-8000-000000000000"


def _place(picture: Picture, document: Row, row: Row, first: int) -> bool:
    hosts = list(picture.hosts)
    picture.instances[row["uuid"]] = row
    for name in [hosts[(first + i) % len(hosts)] for i in range(len(hosts))]:
        if not _against(picture, row["uuid"], name):
            row["host"] = name
            picture.put(row["uuid"], name)
            document["instances"].append(row)
            return True
    del picture.instances[row["uuid"]]
    return False


def _against(picture: Picture, uuid: str, host: str) -> set[str]:
    terms = Terms(picture)
    rules = [*fixed(picture, terms, uuid, host), *crowding(picture, uuid, host)]
    return {rule for rule, _ in rules} - TRUST


def _groups(draw: st.DrawFn, picture: Picture, document: Row, features: set[str]) -> None:
    """One group of each policy, of two to four members; an affinity group may stand on one host only."""
    if "groups" not in features:
        return
    for policy in ("anti-affinity", "affinity", "soft-anti-affinity"):
        group: Row = {"uuid": f"g-{policy}", "name": policy, "policy": policy, "members": []}
        if policy == "anti-affinity":
            group["max_server_per_host"] = draw(st.integers(1, 2))
        picture.groups.append(group)
        document["groups"].append(group)
        first = draw(st.integers(0, len(picture.hosts) - 1))
        for i in range(draw(st.integers(2, 4 if policy == "anti-affinity" else 2))):
            step = i if policy == "anti-affinity" else 0
            drawn = Drawn((first + step) % len(picture.hosts), "small", "red")
            row = _settle(picture, document, drawn, server_group=group["uuid"])
            if row is not None:
                group["members"].append(row["uuid"])


def _particularities(draw: st.DrawFn, picture: Picture, document: Row, features: set[str]) -> None:
    """Change one or two instances per feature, each where it is already, so that the cloud stays legal."""
    hosted = [i for i in document["instances"] if not i.get("server_group")]
    for feature in [f for f in FEATURES if f in features and f in CHANGES and hosted]:
        for _ in range(draw(st.integers(1, 2))):
            row = hosted[draw(st.integers(0, len(hosted) - 1))]
            _alter(picture, row, feature)
    if "migrating" in features and hosted:
        _under_way(picture, hosted[draw(st.integers(0, len(hosted) - 1))])
    if "offloaded" in features:
        gone = {
            "uuid": _uuid(len(document["instances"])),
            "name": "offloaded",
            "host": None,
            "status": "SHELVED_OFFLOADED",
        }
        document["instances"].append({**gone, "resources": {"VCPU": 2, "MEMORY_MB": 4_096}})


CHANGES: dict[str, Row] = {
    "locked": {"locked": True},
    "paused": {"status": "PAUSED", "power_state": 3},
    "shutoff": {"status": "SHUTOFF", "power_state": 4},
    "verify_resize": {"status": "VERIFY_RESIZE"},
    "error": {"status": "ERROR"},
    "numa": {"extra_specs": {"hw:numa_nodes": "2"}},
    "image": {"image_properties": {"hypervisor_type": "qemu"}},
    "metadata": {"metadata": {"optimize": "false"}},
    "lifecycle": {"metadata": {"lifecycle:livemigratable": "False"}},
    "volume": {"boot_from_volume": True, "volumes": ["v-1"]},
    "custom": {"extra_specs": {"resources:CUSTOM_LICENCE": "1"}},
    "aggregate": {"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}},
    "traits": {"extra_specs": {f"trait:{TRAITS[0]}": "required"}},
    "pins": {},
    "hypervisor": {},
    "tenant": {},
}


def _alter(picture: Picture, row: Row, feature: str) -> None:
    old = dict(row)
    row.update(CHANGES[feature])
    if "extra_specs" in CHANGES[feature]:
        row["extra_specs"] = {**old.get("extra_specs", {}), **CHANGES[feature]["extra_specs"]}
    if feature == "pins":
        row["pinned_az"] = picture.zone(row["host"])
    if feature == "traits" and TRAITS[0] not in picture.hosts[row["host"]]["traits"]:
        row["extra_specs"] = {**old.get("extra_specs", {}), f"trait:{TRAITS[0]}": "forbidden"}
    if feature == "custom":
        row["resources"] = {**row["resources"], "CUSTOM_LICENCE": 1}
    if feature == "volume":
        row["resources"] = {k: v for k, v in row["resources"].items() if k != "DISK_GB"}
    offered = picture.hosts[row["host"]]["inventory"]
    if _against(picture, row["uuid"], row["host"]) or ("CUSTOM_LICENCE" in row["resources"]) > (
        "CUSTOM_LICENCE" in offered
    ):
        row.clear()
        row.update(old)


def _under_way(picture: Picture, row: Row) -> None:
    """A live migration that somebody else started: busy here, and already allocated at its destination."""
    row |= {"status": "MIGRATING", "task_state": "migrating"}
    for name, host in picture.hosts.items():
        if name != row["host"] and not _against(picture, row["uuid"], name):
            claimed = dict(host.get("claimed", {}))
            for k, v in picture.needs(row["uuid"]).items():
                claimed[k] = claimed.get(k, 0) + v
            host |= {"claimed": claimed}  # type: ignore[operator]
            return
