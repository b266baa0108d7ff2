"""Boards of random clouds, of which some hosts have their disks from a provider that they share."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from activities.packing.board import Board
from activities.packing.packer import Packer
from activities.rules import checks
from plan_schemas.audit import Scope
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host
from tests.worlds import clusters

ALLOW = ("live", "cold", "service")


@st.composite
def sharing(draw: st.DrawFn, max_hosts: int = 9) -> Cluster:
    """A legal cloud in which none, some or all hosts give no disk themselves; it stays legal by that."""
    cluster = draw(clusters(min_hosts=3, max_hosts=max_hosts))
    those = draw(st.sets(st.sampled_from(list(cluster.hosts)))) if draw(st.booleans()) else set()
    hosts = {n: _diskless(h) if n in those else h for n, h in cluster.hosts.items()}
    return replace(cluster, hosts=FrozenDict(hosts))


def _diskless(host: Host) -> Host:
    own = {name: offered for name, offered in host.inventory.items() if name != "DISK_GB"}
    return replace(host, inventory=FrozenDict(own))


def board(cluster: Cluster) -> Board:
    """With all that may move, on hosts that a strategy may use."""
    rules = Scope().rules(cluster, ALLOW)
    usable = [h.name for h in cluster.hosts.values() if not checks.host_refusals(h, rules)]
    here = [i.uuid for n in usable for i in cluster.on(n)]
    return Board(cluster, rules, [u for u in here if not checks.immovable(cluster, u, rules)])


def broken(packer: Packer) -> list[str]:
    """What all the rules have against this arrangement, taken as if it came about one by one."""
    fresh, found = board(packer.board.cluster), []
    for i, host in packer.placed().items():
        there = fresh.hosts[host]
        refused = checks.refusals(fresh.cluster, fresh.ledger, fresh.uuids[i], there, fresh.rules)
        found += [f"{fresh.uuids[i]}: {one.text}" for one in refused]
        fresh.place(i, host)
    return found
