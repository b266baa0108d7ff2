"""Room is made by sending on who can go elsewhere; hosts that share their disks lose no destination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from activities.packing.board import Board
from activities.packing.packer import Packer
from activities.packing.repair import place_all
from activities.strategies import host_maintenance, vm_workload_consolidation
from plan_schemas.audit import Scope, Situation
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, build
from plan_schemas.plan import Proposal

ALLOW = ("live", "service")
WITHOUT = {"own": ("own", "own", "own"), "shared": ("", "", ""), "mixed": ("", "", "own")}


def cloud(disks: tuple[str, ...], *rows: tuple[str, int, int], **more: Any) -> Cluster:
    """Hosts 0, 1, 2 of 8 VCPU, with a disk of their own or not, and instances (name, host, VCPU)."""
    own = FrozenDict({"VCPU": Inventory(8), "DISK_GB": Inventory(100)})
    none = FrozenDict({"VCPU": Inventory(8)})
    hosts = [
        Host(f"h{n}", f"h{n}", f"h{n}", inventory=own if d else none, zone=f"z{n}")
        for n, d in enumerate(disks)
    ]
    instances = [
        Instance(n, n, f"h{h}", resources=FrozenDict({"VCPU": v, "DISK_GB": 10 * v}), **more.get(n, {}))
        for n, h, v in rows
    ]
    return build("small", "", hosts, instances)


def rules(cluster: Cluster) -> Any:
    return Scope().rules(cluster, ALLOW)


def moved(proposal: Proposal) -> dict[str, str]:
    found = (c.parameters for c in proposal.changes if c.type == "migrate")
    return {p["instance"]: p["destination"] for p in found}


def test_one_of_the_same_size_gives_way_to_one_that_has_less_choice() -> None:
    """The only host of one is taken by another that could be elsewhere: that one goes on."""
    cluster = cloud(
        WITHOUT["own"], ("free", 0, 4), ("bound", 0, 4), ("x", 1, 4), ("y", 2, 4), bound={"pinned_az": "z1"}
    )
    packer = Packer(Board(cluster, rules(cluster), ["free", "bound"]))
    packer.start(np.array([False, True, True]))
    packer.place(0, 1)
    assert place_all(packer, [1], 0) == []
    assert packer.placed() == {0: 2, 1: 1}


@pytest.mark.parametrize("kind", sorted(WITHOUT))
def test_hosts_that_share_disks_are_emptied_as_others_are(kind: str) -> None:
    """A host without a disk of its own gives up and takes what was without one before."""
    cluster = cloud(WITHOUT[kind], ("a", 0, 2), ("b", 1, 3), ("c", 2, 3))
    emptied = moved(host_maintenance.decide(Situation(cluster, rules(cluster)), maintenance_node="h0"))
    assert set(emptied) == {"a"}
    proposal = vm_workload_consolidation.decide(Situation(cluster, rules(cluster)))
    assert {b.name: (b.bound, b.value) for b in proposal.bounds} == {"hosts": (1, 1), "moves": (2, 2)}


def test_what_has_a_disk_of_its_host_does_not_go_where_there_is_none() -> None:
    """To leave a disk of one's own for a shared one is not the same allocation."""
    cluster = cloud(("", "", "own"), ("a", 2, 2))
    board = Board(cluster, rules(cluster), ["a"])
    assert not board.fits(0).any()
    assert board.short(0).tolist() == [[20, 0], [20, 0], [0, 0]]
