"""The cloud changes behind the plan, or answers badly: what runs, what is left out, what is said of it."""

from __future__ import annotations

import pytest

from tests.live.rooms import WIDE, Rooms, before_it_runs, close, nop, one_line, sleep, states
from tests.live.sharing import stands_still

pytestmark = pytest.mark.usefixtures("nothing_left")

TROUBLES = {
    "three times 503": {"effect": "status", "status": 503, "count": 3},
    "twice 409": {"effect": "status", "status": 409, "count": 2},
    "twice 429": {"effect": "status", "status": 429, "count": 2, "retry_after": 1},
    "a reply that is lost": {"effect": "drop_reply", "count": 1},
    "a connection that is refused": {"effect": "refuse", "count": 1},
}


# -- before each action --------------------------------------------------------------------------------------


def test_a_server_moved_by_hand_is_left_alone_and_the_rest_goes_on(rooms: Rooms) -> None:
    """Under `on_drift: skip` a server found elsewhere ends SKIPPED(drift), the plan succeeds."""
    id = rooms.start(
        rooms.move("web-1", "south-1"),
        nop("needy", needs=["web-1"]),
        rooms.move("web-2", "south-1"),
        mode="approve",
    )
    with before_it_runs(rooms, id):
        rooms.put("web-1", "west-1")
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"web-1": "SKIPPED(drift)", "needy": "SKIPPED(dependency)", "web-2": "SUCCEEDED"}
    assert told["actions"]["web-1"]["why"] == "host: expected north-1, found west-1"
    assert told["state"] == "SUCCEEDED"
    assert (rooms.host("web-1"), rooms.host("web-2")) == ("west-1", "south-1")
    assert "host: expected north-1, found west-1" in rooms.page(id)


def test_drift_stops_the_plan_and_undoes_it_if_the_policy_says_so(rooms: Rooms) -> None:
    """Under `on_drift: stop` with `on_failure: rollback` a server elsewhere ends the plan ROLLED_BACK."""
    id = rooms.start(
        rooms.move("web-2", "south-1", id="first"),
        rooms.move("web-1", "south-1", id="drifted", needs=["first"]),
        nop("last", freed_by=["drifted"]),
        mode="approve",
        on_drift="stop",
        on_failure="rollback",
    )
    with before_it_runs(rooms, id):
        rooms.put("web-1", "west-1")
    assert rooms.live.closed(id) == "FAILED"
    kind, said = rooms.failure(id)
    assert kind == "PlanFailed"
    assert one_line(said) == (
        "ROLLED_BACK: the cloud changed under drifted: host: expected north-1, found west-1; "
        "what was done is undone"
    )
    assert states(rooms.live.query(id)) == {
        "first": "REVERTED",
        "drifted": "SKIPPED(drift)",
        "last": "CANCELLED",
    }
    assert (rooms.host("web-1"), rooms.host("web-2")) == ("west-1", "north-1")


def test_drift_stops_the_plan_and_leaves_what_was_done(rooms: Rooms) -> None:
    """Under `on_drift: stop` and `on_failure: stop` the plan ends FAILED and undoes nothing."""
    id = rooms.start(
        close("north-1"),
        rooms.move("web-1", "south-1", needs=["close"]),
        nop("last", freed_by=["web-1"]),
        mode="approve",
        on_drift="stop",
    )
    with before_it_runs(rooms, id):
        rooms.put("web-1", "west-1")
    assert rooms.live.closed(id) == "FAILED"
    _, said = rooms.failure(id)
    assert said == "FAILED: the cloud changed under web-1: host: expected north-1, found west-1"
    assert states(rooms.live.query(id)) == {
        "close": "SUCCEEDED",
        "web-1": "SKIPPED(drift)",
        "last": "CANCELLED",
    }
    assert rooms.service("north-1")[0] == "disabled"


def test_a_server_that_is_there_already_satisfies_what_needs_it(rooms: Rooms) -> None:
    """A server that somebody brought to its destination ends SKIPPED(already), and its dependants run."""
    id = rooms.start(rooms.move("web-1", "south-1"), nop("next", needs=["web-1"]), mode="approve")
    with before_it_runs(rooms, id):
        rooms.put("web-1", "south-1")
    assert rooms.live.closed(id) == "COMPLETED"
    assert states(rooms.live.query(id)) == {"web-1": "SKIPPED(already)", "next": "SUCCEEDED"}


def test_a_server_that_is_gone_is_skipped(rooms: Rooms) -> None:
    """A server that was deleted meanwhile ends its action SKIPPED(precondition); no move is asked for."""
    id = rooms.start(rooms.move("batch-6", "south-1"), mode="approve")
    before = rooms.journal()
    with before_it_runs(rooms, id):
        rooms.nova().compute.delete_server(rooms.uuids["batch-6"])
        rooms.live.sim("settle", {})
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"batch-6": "SKIPPED(precondition)"}
    assert "does not exist" in told["actions"]["batch-6"]["why"]
    assert rooms.accepted_moves("batch-6", before) == 0


def test_a_server_that_goes_on_the_way_is_skipped_too(rooms: Rooms) -> None:
    """Deleted a moment after its move began: as if it had been a moment before, and the others go on."""
    rooms.speed(0.5)
    id = rooms.start(rooms.move("batch-5", "south-1"), rooms.move("web-1", "south-1"), on_failure="rollback")
    stands_still(rooms, "batch-5")
    rooms.nova().compute.delete_server(rooms.uuids["batch-5"])
    rooms.speed(40)
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"batch-5": "SKIPPED(precondition)", "web-1": "SUCCEEDED"}
    assert told["actions"]["batch-5"]["why"].startswith("it was deleted on the way: nothing is left")


def test_a_server_that_was_locked_is_left_alone(rooms: Rooms) -> None:
    """A server that was locked meanwhile counts as drift: whoever locked it wants it left alone."""
    id = rooms.start(rooms.move("web-3", "south-1"), mode="approve")
    nova, uuid = rooms.nova(), rooms.uuids["web-3"]
    with before_it_runs(rooms, id):
        nova.compute.lock_server(uuid)
    assert rooms.live.closed(id) == "COMPLETED"
    nova.compute.unlock_server(uuid)
    told = rooms.live.query(id)
    assert states(told) == {"web-3": "SKIPPED(drift)"}
    assert told["actions"]["web-3"]["why"] == "locked: expected no, found yes"


def test_a_destination_that_was_closed_is_not_entered(rooms: Rooms) -> None:
    """A destination that was disabled meanwhile ends the action SKIPPED(precondition) with its reason."""
    id = rooms.start(rooms.move("web-1", "south-1"), mode="approve")
    with before_it_runs(rooms, id):
        rooms.live.sim("hosts/south-1/disable", {"reason": "smells burnt"})
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"web-1": "SKIPPED(precondition)"}
    assert "south-1 is disabled (smells burnt)" in told["actions"]["web-1"]["why"]
    assert rooms.at_home()


def test_a_destination_that_filled_up_is_not_entered(rooms: Rooms) -> None:
    """A destination that filled up meanwhile ends the action SKIPPED(precondition) with the numbers."""
    id = rooms.start(rooms.move("db-a", "south-2"), mode="approve")
    nova = rooms.nova()
    with before_it_runs(rooms, id):
        flavor = next(f for f in nova.compute.flavors() if f.name == "large")
        for number in range(4):
            nova.compute.create_server(
                name=f"filler-{number}",
                flavor_id=flavor.id,
                image_id="cirros",
                networks="none",
                availability_zone="south:south-2",
            )
        rooms.live.sim("settle", {})
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"db-a": "SKIPPED(precondition)"}
    assert "south-2 has 28160 of 32768 MEMORY_MB free that db-a needs" in told["actions"]["db-a"]["why"]


# -- a cloud that answers badly ------------------------------------------------------------------------------


def test_bad_answers_are_tried_again_and_no_server_moves_twice(rooms: Rooms) -> None:
    """5xx, 409, 429, a lost reply, a refused connection: each server moves once, and all succeed."""
    servers = ("web-1", "web-2", "web-3", "web-4", "batch-1")
    for server, trouble in zip(servers, TROUBLES.values()):
        where = {"method": "POST", "path": "/action$", "instance": rooms.uuids[server]}
        rooms.live.sim("faults", {"api": {**where, **trouble}})
    before = rooms.journal()
    id = rooms.start(*(rooms.move(server, "south-1") for server in servers), limits=WIDE)
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert set(states(told).values()) == {"SUCCEEDED"}
    assert struck(rooms) == [3, 2, 2, 1, 1]
    assert {server: rooms.accepted_moves(server, before) for server in servers} == dict.fromkeys(servers, 1)
    assert {rooms.host(server) for server in servers} == {"south-1"}


def struck(rooms: Rooms) -> list[int]:
    """How often each planted trouble has struck."""
    return [fault["hits"] for fault in rooms.live.sim("faults")["api"]]


@pytest.mark.parametrize("path", ["os-instance-actions", "os-migrations", "/servers/[^/]+$"])
def test_a_burst_of_errors_while_a_server_moves_changes_nothing(rooms: Rooms, path: str) -> None:
    """Whichever of Nova's lists fails for a while, the move is watched to its end and asked for once."""
    # The record lets itself be waited for, so that each of the lists is asked again after the request.
    rooms.live.sim("settings", {"prompt_share": 0, "record_delay": 20})
    rooms.speed(0.2)
    before = rooms.journal()
    id = rooms.start(rooms.move("web-1", "south-1"))
    rooms.live.until(lambda: rooms.accepted_moves("web-1", before), "nobody asks for the move")
    rooms.live.sim(
        "faults", {"api": {"effect": "status", "status": 500, "count": 3, "method": "GET", "path": path}}
    )
    rooms.speed(40)
    assert rooms.live.closed(id) == "COMPLETED"
    assert states(rooms.live.query(id)) == {"web-1": "SUCCEEDED"}
    assert struck(rooms)[0] > 0
    assert rooms.accepted_moves("web-1", before) == 1


def test_a_revoked_token_does_not_stop_a_plan(rooms: Rooms) -> None:
    """Tokens that die in the middle of a plan are replaced, and nothing is asked for twice."""
    rooms.speed(0.5)
    before = rooms.journal()
    id = rooms.start(rooms.move("web-1", "south-1"), rooms.move("web-2", "south-1", needs=["web-1"]))
    stands_still(rooms, "web-1")
    rooms.answer(id, "hold_action", action="web-2", by="eve")
    rooms.live.sim("tokens/revoke", {})
    rooms.speed(40)
    rooms.live.action(id, "web-1", "SUCCEEDED")
    rooms.speed(0.5)
    rooms.answer(id, "release_action", action="web-2", by="eve")
    stands_still(rooms, "web-2")
    rooms.live.sim("tokens/revoke", {})
    rooms.speed(40)
    assert rooms.live.closed(id) == "COMPLETED"
    assert states(rooms.live.query(id)) == {"web-1": "SUCCEEDED", "web-2": "SUCCEEDED"}
    assert [rooms.accepted_moves(s, before) for s in ("web-1", "web-2")] == [1, 1]


def test_a_migration_that_ends_elsewhere_is_a_failure_that_says_where(rooms: Rooms) -> None:
    """A server that Nova brings to another host fails its action, and the reason names where it is."""
    fault = {"effect": "elsewhere", "to": "south-2", "instance": rooms.uuids["web-1"]}
    rooms.live.sim("faults", {"migration": fault})
    id = rooms.start(rooms.move("web-1", "south-1"), sleep("last", 0, needs=["web-1"]))
    assert rooms.live.closed(id) == "FAILED"
    told = rooms.live.query(id)
    assert states(told) == {"web-1": "FAILED", "last": "BLOCKED"}
    assert (
        "ended elsewhere: the server is ACTIVE on south-2, wanted south-1" in told["actions"]["web-1"]["why"]
    )
    asked = rooms.roll_back(id)
    assert rooms.live.closed(asked) == "FAILED"
    assert "undo-web-1: host: expected south-1, found south-2" in one_line(rooms.failure(asked)[1])


# -- an abort that nobody hears ------------------------------------------------------------------------------


def test_an_abort_reaches_a_migration_whose_worker_is_dead(rooms: Rooms) -> None:
    """A skip that finds no worker alive is obeyed by the next one, which aborts the migration in Nova."""
    rooms.speed(0.2)
    id = rooms.start(rooms.move("web-1", "south-1"), nop("needy", needs=["web-1"]))
    rooms.is_moving("web-1")
    rooms.live.kill_worker()
    assert rooms.live.signal(id, "skip_action", '{"action": "web-1", "reason": "busy hour"}').returncode == 0
    rooms.live.start_worker()
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"web-1": "SKIPPED(person)", "needy": "SKIPPED(dependency)"}
    why = told["actions"]["web-1"]["why"]
    assert why.startswith("skipped by somebody: busy hour; live migration ")
    assert why.endswith(" was aborted; the server is ACTIVE on north-1")
    server = rooms.server("web-1")
    assert (server["host"], server["status"], server["task_state"]) == ("north-1", "ACTIVE", None)


def test_an_abort_between_two_attempts_is_checked_in_the_cloud(rooms: Rooms) -> None:
    """A skip of an action that waits for its next attempt ends it, once nothing is found under way."""
    trouble = {"effect": "status", "status": 503, "method": "POST", "path": "/action$"}
    rooms.live.sim("faults", {"api": trouble})
    before = rooms.journal()
    id = rooms.start(rooms.move("batch-2", "south-1"))
    rooms.live.until(lambda: struck(rooms)[0] > 1, "it is not tried again")
    rooms.answer(id, "skip_action", action="batch-2", by="eve", reason="never mind")
    rooms.live.closed(id)
    told = rooms.live.query(id)
    assert told["actions"]["batch-2"]["why"] == "skipped by eve: never mind; nothing was asked of the cloud"
    assert told["state"] == "SUCCEEDED"
    assert rooms.accepted_moves("batch-2", before) == 0
    assert rooms.at_home()
