"""Those that change places: over a third host where nothing else helps, or refused by name."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from plan_schemas.plan import Limits
from tests.deciding.crowds import crowd, exchanged, replay
from tests.deciding.planning import action, edges, make, move, row


def test_two_that_change_places_go_over_a_third_host() -> None:
    """A cycle is broken by a detour of two actions, the second of which needs the first."""
    plan = make(row(("x", "a", 4), ("y", "b", 4)), [move("x", "a", "b"), move("y", "b", "a")])
    assert [a.id for a in plan.actions] == ["migrate-x-via", "migrate-y", "migrate-x"]
    assert edges(plan)["migrate-x"] == (("migrate-x-via",), ("migrate-y",))
    assert action(plan, "migrate-x").expects["host"] == "c"
    assert plan.forecast["instance_migrations_count"] == 3
    assert "1 instance goes over a third host" in plan.reason


def test_a_cycle_without_a_third_host_is_refused_by_name() -> None:
    """Both moves are left out, and each refusal names the other one."""
    plan = make(row(("x", "a", 4), ("y", "b", 4), hosts="ab"), [move("x", "a", "b"), move("y", "b", "a")])
    assert plan.actions == ()
    assert [(r.code, r.subject) for r in plan.rejected] == [("cycle", "migrate-x"), ("cycle", "migrate-y")]
    assert "migrate-y" in plan.rejected[0].text


def test_most_exchanges_are_planned_whole() -> None:
    """At three quarters of the memory hardly any move is refused, and detours are rare."""
    wanted = planned = detours = 0
    for seed in range(20):
        cluster = crowd(8, 0.75, seed)
        moves = exchanged(cluster, 0.5, seed)
        plan = make(cluster, moves)
        wanted, planned = wanted + len(moves), planned + len(plan.actions)
        detours += sum(a.id.endswith("-via") for a in plan.actions)
    assert planned - detours >= 0.99 * wanted
    assert detours <= 0.05 * wanted


FULL = settings(max_examples=60, deadline=None)


@FULL
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from((0.9, 0.95, 1.0)), st.integers(1, 2))
def test_on_full_clouds_an_exchange_ends_or_is_refused_by_name(
    seed: int, hosts: int, fill: float, slots: int
) -> None:
    """In any order that the edges allow all arrive but the refused, who stay and know whom they wait for."""
    cluster = crowd(hosts, fill, seed)
    wanted = {
        m["parameters"]["instance"]: m["parameters"]["destination"] for m in exchanged(cluster, 0.5, seed)
    }
    plan = make(cluster, exchanged(cluster, 0.5, seed), Limits(20, slots, slots))
    refused = {r.subject: r for r in plan.rejected}
    ids = {f"migrate-{cluster.instances[u].name}": u for u in wanted}
    for order in range(3):
        ends = replay(plan, cluster, order)
        for id, uuid in ids.items():
            stays = id in refused
            assert ends.instances[uuid].host == (cluster.instances[uuid].host if stays else wanted[uuid])
    for refusal in refused.values():
        assert refusal.code == "cycle"
        assert any(other in refusal.text for other in refused if other != refusal.subject)
