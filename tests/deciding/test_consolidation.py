"""vm_workload_consolidation and host_maintenance: what they reach, and what they never do."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from activities.strategies import host_maintenance, vm_workload_consolidation
from plan_schemas.audit import Rules, Scope, Selection, Situation
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Amounts, Cluster, Host, Instance, Inventory, build
from plan_schemas.plan import Proposal, Refused
from tests.deciding.crowds import crowd

ALLOW = ("live", "service")


def consolidate(cluster: Cluster, **parameters: Any) -> Proposal:
    situation = Situation(cluster, Scope().rules(cluster, ALLOW))
    return vm_workload_consolidation.decide(situation, **parameters)


def maintain(cluster: Cluster, scope: Scope | None = None, **parameters: Any) -> Proposal:
    rules = (scope or Scope()).rules(cluster, ALLOW)
    return host_maintenance.decide(Situation(cluster, rules), **parameters)


def bound(proposal: Proposal, name: str) -> tuple[float, float]:
    return next((b.bound, b.value) for b in proposal.bounds if b.name == name)


def moves(proposal: Proposal) -> dict[str, str]:
    """Destination by instance."""
    found = (c.parameters for c in proposal.changes if c.type == "migrate")
    return {p["instance"]: p["destination"] for p in found}


def closed(proposal: Proposal) -> list[str]:
    return [c.parameters["host"] for c in proposal.changes if c.type == "change_nova_service_state"]


@pytest.mark.parametrize("seed", range(12))
def test_fifty_open_hosts_come_within_one_of_the_least(seed: int) -> None:
    """Without constraints, at most one host more is kept than must be, with hardly a move too many."""
    crowded = crowd(10 + 4 * (seed % 11), 0.35 + 0.03 * (seed % 10), seed)
    free = {u: replace(i, server_group=None) for u, i in crowded.instances.items()}
    proposal = consolidate(replace(crowded, instances=FrozenDict(free), groups=FrozenDict()))
    least, kept = bound(proposal, "hosts")
    assert least <= kept <= least + 1
    fewest, made = bound(proposal, "moves")
    assert fewest <= made <= 1.1 * fewest + 3


@pytest.mark.parametrize("seed", range(12))
def test_a_host_is_released_whole_or_not_touched(seed: int) -> None:
    """Each closed host is left by everything on it, and nothing else moves; nothing enters a closed host."""
    cluster = crowd(12, 0.5, seed)
    proposal = consolidate(cluster, **({"max_moves": 15} if seed % 2 else {}))
    gone = moves(proposal)
    assert set(gone) == {i.uuid for h in closed(proposal) for i in cluster.on(h)}
    assert not set(gone.values()) & set(closed(proposal))
    assert all(c.reason and c.numbers for c in proposal.changes)
    used = [h for h in cluster.hosts if cluster.on(h)]
    assert {r.subject for r in proposal.rejected} == set(used) - set(closed(proposal))


@pytest.mark.parametrize("seed", range(8))
def test_the_least_number_of_hosts_is_never_too_high(seed: int) -> None:
    """On clouds small enough to try every arrangement, none uses fewer hosts than the bound says."""
    cluster = crowd(4, 0.3 + 0.05 * (seed % 4), seed)
    least, kept = bound(consolidate(cluster), "hosts")
    best = next(
        n for n in range(1, 5) if any(_fits(cluster, set(hosts)) for hosts in combinations(cluster.hosts, n))
    )
    assert least <= best <= kept


def _fits(cluster: Cluster, hosts: set[str]) -> bool:
    """Whether everything elsewhere finds a place on these hosts, by trying all ways."""
    away = [i for i in cluster.instances.values() if i.host not in hosts]
    away.sort(key=lambda i: -i.resources["MEMORY_MB"])
    free: dict[str, dict[str, int]] = {h: dict(cluster.free(h)) for h in sorted(hosts)}
    groups = {h: {i.server_group for i in cluster.on(h)} - {None} for h in hosts}
    return _place(away, free, groups, [0])


def _place(
    away: list[Instance], free: dict[str, dict[str, int]], groups: dict[str, Any], tries: list[int]
) -> bool:
    tries[0] += 1
    if not away or tries[0] > 20_000:  # not proven impossible: count it as possible
        return True
    one, rest = away[0], away[1:]
    for host, room in free.items():
        if one.server_group in groups[host] or any(room[k] < v for k, v in one.resources.items()):
            continue
        after = {**free, host: {k: v - one.resources[k] for k, v in room.items()}}
        joined = {**groups, host: groups[host] | ({one.server_group} - {None})}
        if _place(rest, after, joined, tries):
            return True
    return False


@pytest.mark.parametrize("most", [0, 1, 4, 9, 25])
def test_a_budget_is_kept_and_spent_where_it_frees_most(most: int) -> None:
    """Never more moves than allowed, and as many hosts as such a budget can free at best, or one less."""
    proposal = consolidate(crowd(14, 0.4, 5), max_moves=most)
    assert len(moves(proposal)) <= most
    least, kept = bound(proposal, "hosts")
    assert kept <= least + 1


def test_at_most_so_many_hosts_are_released() -> None:
    """`max_hosts` releases exactly that many where more could be."""
    proposal = consolidate(crowd(14, 0.4, 5), max_hosts=2)
    assert len(closed(proposal)) == 2


def test_releasing_needs_leave_to_close_hosts() -> None:
    """Where `service` is not allowed there is a refusal with its remedy, not a plan that undoes itself."""
    cluster = crowd(4, 0.4, 1)
    with pytest.raises(Refused, match="must be disabled"):
        vm_workload_consolidation.decide(
            Situation(cluster, Rules(frozenset(cluster.hosts), allow=frozenset({"live"})))
        )


def small(*rows: tuple[str, str, int], **marks: dict[str, Any]) -> Cluster:
    """Hosts a, b, c with 8 VCPU and 100 GB, instances (name, host, VCPU); `marks` changes hosts by name."""
    inventory = FrozenDict({"VCPU": Inventory(8), "DISK_GB": Inventory(100)})
    hosts = [Host(n, n, n, inventory=inventory, **marks.get(n, {})) for n in "abc"]
    instances = [Instance(n, n, h, resources=FrozenDict({"VCPU": v, "DISK_GB": 10 * v})) for n, h, v in rows]
    return build("small", "", hosts, instances)


def resources(vcpu: int, disk: int) -> Amounts:
    return FrozenDict({"VCPU": vcpu, "DISK_GB": disk})


def test_the_backup_host_takes_all_when_it_can() -> None:
    """Everything goes to the named host, though another would be emptier."""
    cluster = small(("x", "a", 2), ("y", "a", 1), ("z", "b", 3))
    assert moves(maintain(cluster, maintenance_node="a", backup_node="b")) == {"x": "b", "y": "b"}


def test_a_backup_host_that_lacks_disk_is_passed_over_and_told() -> None:
    """Disk counts as well: the instances go where they fit, and the reason says what the backup lacks."""
    full = small(("x", "a", 2), ("z", "b", 1))
    wide = full.instances["z"]
    instances = {**full.instances, "z": Instance("z", "z", wide.host, resources=resources(1, 90))}
    cluster = build("small", "", full.hosts.values(), instances.values())
    proposal = maintain(cluster, maintenance_node="a", backup_node="b")
    assert moves(proposal) == {"x": "c"}
    assert "10 of 20 DISK_GB" in proposal.changes[1].reason


def test_a_closed_backup_host_stays_closed() -> None:
    """A disabled backup is never a destination and never opened; the reason says so."""
    cluster = small(("x", "a", 2), b={"status": "disabled", "disabled_reason": "bad DIMM"})
    proposal = maintain(cluster, maintenance_node="a", backup_node="b")
    assert moves(proposal) == {"x": "c"}
    assert closed(proposal) == ["a"]
    assert "bad DIMM" in proposal.summary


def test_what_cannot_move_is_told_and_the_host_will_not_be_empty() -> None:
    """Excluded and too large instances stay, each with its rule, and the summary does not promise more."""
    cluster = small(("x", "a", 2), ("big", "a", 6), ("z", "b", 4), ("w", "c", 4))
    scope = Scope(exclude=Selection(instances=("x",)))
    proposal = maintain(cluster, scope, maintenance_node="a")
    assert moves(proposal) == {}
    assert {(r.subject, r.code) for r in proposal.rejected} == {("x", "excluded"), ("big", "capacity")}
    assert "will NOT be empty: 2 of 2" in proposal.summary


def test_room_is_made_for_the_most_constrained() -> None:
    """An instance that fits on one host only gets it, whatever order the names would give."""
    cluster = small(("a1", "a", 3), ("z9", "a", 5), ("p", "b", 3), ("q", "c", 5))
    assert moves(maintain(cluster, maintenance_node="a")) == {"z9": "b", "a1": "c"}


def test_a_host_closed_before_is_emptied_all_the_same() -> None:
    """No second closing: the operator's reason stays as it is."""
    cluster = small(("x", "a", 2), a={"status": "disabled", "disabled_reason": "bad DIMM"})
    proposal = maintain(cluster, maintenance_node="a")
    assert closed(proposal) == []
    assert list(moves(proposal)) == ["x"]
    assert "disabled already" in proposal.summary


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"maintenance_node": "nowhere"}, "no host nowhere"),
        ({"maintenance_node": "a", "backup_node": "a"}, "cannot be the backup"),
        ({"maintenance_node": "a", "backup_node": "nowhere"}, "cannot be the backup"),
    ],
)
def test_hosts_that_make_no_sense_are_refused(parameters: dict[str, Any], told: str) -> None:
    """Unknown hosts and a host that backs itself up are refused with a remedy."""
    with pytest.raises(Refused, match=told) as refused:
        maintain(small(("x", "a", 2)), **parameters)
    assert refused.value.remedy


def test_without_live_migration_running_servers_move_cold_or_stay() -> None:
    """`disable_live_migration` leaves cold, which the audit must allow as well."""
    cluster = small(("x", "a", 2))
    stays = maintain(cluster, maintenance_node="a", disable_live_migration=True)
    assert [r.code for r in stays.rejected] == ["not_allowed"]
    rules = Scope().rules(cluster, ("live", "cold", "service"))
    moved = host_maintenance.decide(
        Situation(cluster, rules), maintenance_node="a", disable_live_migration=True
    )
    assert moved.changes[1].parameters["kind"] == "cold"
