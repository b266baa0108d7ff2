"""What the arrays say of all hosts at once is what the rules say of each: they share answers, none wrong."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.balancing.floor import Floor, scene
from activities.balancing.load import CPU
from activities.rules import checks
from plan_schemas.audit import Scope
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, ServerGroup, build
from tests.packing.boards import ALLOW, board
from tests.packing.peculiar import peculiar
from tests.worlds import used

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
STANDING = {"zone", "traits", "aggregate", "tenant", "hypervisor_type", "max_unit", "disabled", "down"}


@pytest.mark.hypothesis
def test_a_mask_is_what_the_standing_rules_say_of_each_host() -> None:
    """For every server that may move, with the first rule that is against it; all of those rules were met."""
    found: Counter[str] = Counter()

    @some
    @given(peculiar())
    def run(cluster: Cluster) -> None:
        made = board(cluster)
        every = np.arange(len(made.hosts))
        for i, one in enumerate(made.instances):
            codes = [made.codes_known[n] for n in made.codes(i, every)]
            for host, name in enumerate(made.hosts):
                refused = checks.standing_refusals(cluster, one, cluster.hosts[name], made.rules)
                assert bool(made.masks[made.mask_of[i], host]) == (not refused), (one, name, refused)
                assert not refused or codes[host] == refused[0].code
                found.update({refused[0].code} if refused else {"none"})

    run()
    assert found.keys() >= STANDING | {"none"}, found


@pytest.mark.hypothesis
def test_where_balancing_would_send_a_server_it_may_go() -> None:
    """To no other host and to each of those that all rules allow, as the moves before have left the cloud."""
    found: Counter[str] = Counter()

    @some
    @given(peculiar(), st.randoms(use_true_random=False))
    def run(cluster: Cluster, chance: Random) -> None:
        rules, now = Scope().rules(cluster, ALLOW), cluster
        seen = scene(cluster, rules, used(cluster), [CPU])
        floor = Floor(seen, seen.movable(seen.hosts()))
        for i in chance.sample(range(len(floor.uuids)), len(floor.uuids)):
            uuid, ledger = floor.uuids[i], checks.Occupancy(now)
            others = [h for h in range(len(floor.hosts)) if h != floor.home[i]]
            refused = {h: checks.refusals(now, ledger, uuid, floor.hosts[h], rules) for h in others}
            found.update(why[0].code if why else "none" for why in refused.values())
            open_to = {h for h, why in refused.items() if not why}
            sent = list(floor.ranked(i, floor.usable, lambda _, hosts: np.zeros(len(hosts))))
            assert set(sent) <= open_to
            if _is_apart(cluster, uuid):  # then hosts without its mates are taken first
                assert bool(sent) == bool(open_to)
            else:
                assert set(sent) == open_to, (uuid, refused)
            if sent and chance.random() < 0.4:
                floor.move(i, sent[0])
                now = now.moved(uuid, floor.hosts[sent[0]])

    run()
    assert found.keys() >= {"capacity", "anti_affinity", "none"}, found


def test_who_would_rather_be_apart_joins_its_mates_where_no_other_host_takes_it() -> None:
    """A hint keeps it from the one host without them: that is no reason to stay where it is."""
    room, little = FrozenDict({"VCPU": Inventory(8)}), FrozenDict({"VCPU": 1})
    hint = FrozenDict({"different_host": ["enemy"]})
    servers = [
        Instance("one", "one", "a", resources=little, server_group="g", scheduler_hints=hint),
        Instance("enemy", "enemy", "b", resources=little),
        Instance("mate", "mate", "c", resources=little, server_group="g"),
    ]
    groups = [ServerGroup("g", "g", "soft-anti-affinity")]
    cluster = build("c", "", [Host(n, n, n, inventory=room) for n in "abc"], servers, groups=groups)
    rules = Scope().rules(cluster, ALLOW)
    seen = scene(cluster, rules, used(cluster), [CPU])
    for made in (board(cluster), Floor(seen, ["one"])):
        assert made.best(made.uuids.index("one"), made.tight) == made.hosts.index("c")
    floor = Floor(seen, ["one"])
    sent = floor.ranked(0, floor.usable, lambda _, hosts: np.zeros(len(hosts)))
    assert [floor.hosts[host] for host in sent] == ["c"]


def _is_apart(cluster: Cluster, uuid: str) -> bool:
    group = cluster.groups.get(cluster.instances[uuid].server_group or "")
    return group is not None and group.policy == "soft-anti-affinity"
