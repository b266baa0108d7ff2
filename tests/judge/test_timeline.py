"""The judge of a run as it went: what the cloud's own records say of room and groups at every moment."""

from __future__ import annotations

from typing import Any

from tests.judge.timeline import Stay, timeline

Row = dict[str, Any]


def host(name: str, vcpus: int) -> Row:
    return {"name": name, "inventory": {"VCPU": {"total": vcpus}}}


def server(uuid: str, at: str, vcpus: int = 1) -> Row:
    return {"uuid": uuid, "host": at, "resources": {"VCPU": vcpus}}


def cloud(*servers: Row, group: tuple[str, ...] = ()) -> Row:
    groups = [{"uuid": "g", "name": "apart", "policy": "anti-affinity", "members": list(group)}]
    return {"hosts": [host("a", 4), host("b", 2)], "instances": list(servers), "groups": groups}


def rules(before: Row, *stays: Stay) -> list[str]:
    return [violation.rule for violation in timeline(before, stays)]


def test_two_that_arrive_at_once_need_room_for_both() -> None:
    """Two moves of which each fits are one too many while both are under way."""
    before = cloud(server("x", "a", 2), server("y", "a", 2))
    assert rules(before, Stay("x", "a", "b", 1, 9, True), Stay("y", "a", "b", 5, 8, True)) == ["capacity"]


def test_room_that_was_left_in_time_is_free() -> None:
    """A host has room again as soon as the server that left it has arrived elsewhere."""
    before = cloud(server("x", "b", 2), server("y", "a", 2))
    assert not rules(before, Stay("x", "b", "a", 1, 4, True), Stay("y", "a", "b", 4, 6, True))


def test_a_server_holds_its_source_until_it_has_arrived() -> None:
    """Whoever takes the room of a server that is still leaving breaks the capacity."""
    before = cloud(server("x", "b", 2), server("y", "a", 2))
    assert rules(before, Stay("x", "b", "a", 1, 4, True), Stay("y", "a", "b", 3, 6, True)) == ["capacity"]


def test_a_failed_move_leaves_the_server_where_it_was() -> None:
    """After a migration that did not arrive, its source is as full as before."""
    before = cloud(server("x", "b", 2), server("y", "a", 2))
    assert rules(before, Stay("x", "b", "a", 1, 4, False), Stay("y", "a", "b", 5, 6, True)) == ["capacity"]


def test_members_that_keep_apart_never_meet() -> None:
    """A member of an anti-affinity group on its way to a host counts there already."""
    before = cloud(server("x", "a"), server("y", "a"), group=("x", "y"))
    assert rules(before, Stay("x", "a", "b", 1, 9, True), Stay("y", "a", "b", 5, 8, True)) == [
        "anti_affinity"
    ]


def test_a_move_starts_where_its_server_is() -> None:
    """A migration from a host on which the server is not is reported."""
    assert rules(cloud(server("x", "a")), Stay("x", "b", "a", 1, 9, True)) == ["source"]
