"""Who lets what run, on a live stack: signed approvals, levels of automation, tenants' words, the breaker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.stack import Stack
from tests.how.test_signers import line, pem
from tests.live.rooms import Document, Rooms, nop, sleep, states
from tests.live.sharing import attribute
from tests.live.stack import THREE_ROOMS, Live

pytestmark = pytest.mark.usefixtures("nothing_left")
ANN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A stack whose worker knows two signers by their public keys."""
    directory = tmp_path_factory.mktemp("live")
    signers = {"ann": {"key": line(ANN)}, "eve": {"key": line(EVE)}}
    document = {"ballast": "v1", "kind": "Signers", "signers": signers}
    (directory / "signers.yaml").write_text(yaml.safe_dump(document))
    for name, key in (("ann", ANN), ("eve", EVE)):
        (directory / f"{name}.key").write_bytes(pem(key))
    stack = Stack(directory, worker={"BALLAST_SIGNERS": str(directory / "signers.yaml")})
    stack.up(["--cloud", str(THREE_ROOMS)], speed=40)
    yield Live(stack)
    stack.down()


def approve(rooms: Rooms, id: str, by: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`ballast approve` with the key of whoever approves."""
    directory: Path = rooms.live.stack.directory
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "approve", id, "--by", by, *words]
        + ([] if "--key" in words else ["--key", str(directory / f"{by}.key")]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **rooms.live.stack.environment},
    )


def asked_for(rooms: Rooms, *actions: Document, **execution: Any) -> str:
    """A plan that eve asks for and somebody else has to sign."""
    document = rooms.plan(*actions, mode="approve", four_eyes="enforced", **execution)
    id = f"plan/{rooms.name}"
    rooms.live.start("ActionPlan", id, {**document, "requested_by": "eve"})
    rooms.live.reaches(id, "RECOMMENDED")
    return id


def test_only_another_persons_signature_lets_a_plan_run(rooms: Rooms) -> None:
    """A bare approval, the requester's own and another message's token are refused; the right one runs it,
    and the log says who signed."""
    id = asked_for(rooms, nop("a"), nop("b", needs=["a"]), nop("c"))
    said = rooms.refusal(id, "approve", {"by": "ann"})
    assert "takes signed approvals alone (four_eyes: enforced); send it with: ballast approve" in said
    own = approve(rooms, id, "eve")
    assert (own.returncode, "eve asked for this plan; somebody else has to approve it" in own.stderr) == (
        1,
        True,
    )
    borrowed = approve(rooms, id, "ann", "--key", str(rooms.live.stack.directory / "eve.key"))
    assert (borrowed.returncode, "the signature of ann is not for this" in borrowed.stderr) == (1, True)
    stale = approve(rooms, id, "ann", "--digest", "sha256:" + "0" * 64)
    assert (stale.returncode, "read it again" in stale.stderr) == (1, True)
    rooms.live.signal(id, "approve", '{"by": "ann", "token": "v1:1:2:ann"}')
    rooms.live.until(lambda: rooms.live.query(id)["rejected_messages"], "the signal is not recorded")
    assert "signal approve: the token is not one" in rooms.live.query(id)["rejected_messages"][0]
    assert rooms.live.query(id)["state"] == "RECOMMENDED"
    done = approve(rooms, id, "ann", "--reason", "read it", "--actions", "b")
    assert (done.returncode, done.stdout.strip()) == (0, "2 of 3 actions will run: a, b"), done.stderr
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "SKIPPED(unapproved)"}
    assert "ann by update signed by ann: approve (read it)" in told["messages"][-1]
    late = approve(rooms, id, "ann")
    assert (late.returncode, "already completed" in late.stderr) == (1, True), late.stderr


def test_the_rollback_of_a_plan_for_four_eyes_needs_another_persons_signature_too(rooms: Rooms) -> None:
    """Whoever asks for it has to say so, and cannot sign its plan; the signature of another one undoes it."""
    live, id = rooms.live, asked_for(rooms, rooms.move("web-1", "west-1"))
    assert approve(rooms, id, "ann").returncode == 0
    assert live.closed(id) == "COMPLETED"
    assert rooms.host("web-1") == "west-1"
    asked = rooms.roll_back(id)
    assert live.closed(asked) == "FAILED"
    assert "requested_by" in rooms.failure(asked)[1]
    assert live.query(asked)["state"] == "FAILED"
    assert rooms.roll_back(id, requested_by="ann") == asked
    undo = f"plan/{asked}"
    live.reaches(undo, "RECOMMENDED")
    assert "takes signed approvals alone" in rooms.refusal(undo, "approve", {"by": "eve"})
    own = approve(rooms, undo, "ann")
    assert (own.returncode, "ann asked for this plan" in own.stderr) == (1, True), own.stderr
    done = approve(rooms, undo, "eve", "--reason", "ann is right")
    assert done.returncode == 0, done.stderr
    assert live.closed(asked) == "COMPLETED"
    assert "eve by update signed by eve: approve (ann is right)" in live.query(undo)["messages"][-1]
    assert rooms.at_home()


def test_four_eyes_cannot_be_asked_for_without_saying_who_asks(rooms: Rooms) -> None:
    """Neither with mode: auto; both complaints come at once."""
    id = rooms.start(nop("a"), four_eyes="enforced")
    assert rooms.live.closed(id) == "FAILED"
    said = rooms.live.query(id)["sentence"]
    assert '"requested_by" is missing' in said
    assert "nobody is asked then; take approve" in said


def test_above_its_level_a_plan_waits_for_approval_while_the_rest_runs(rooms: Rooms) -> None:
    """partial:2 runs the urgent action, holds the other with the reason, and runs it once it is approved."""
    rows = (
        nop("now", urgency=1),
        nop("later", urgency=4),
        nop("never", urgency=5),
        nop("too", needs=["later"]),
    )
    id = rooms.start(*rows, automation="partial:2", approve_within="1h")
    rooms.live.action(id, "now", "SUCCEEDED")
    told = rooms.live.query(id)
    why = "waits for approval: the plan has automation partial:2, and its urgency is 4"
    assert told["actions"]["later"] == {"state": "PENDING", "why": why}
    rooms.live.until(
        lambda: attribute(rooms.live, id, "BallastWaitingFor") == "approval", "is not seen to wait"
    )
    assert "waits for approval" in rooms.page(id)
    assert "later is not held" in rooms.refusal(id, "release_action", {"action": "later", "by": "eve"})
    assert "now does not wait for approval" in rooms.refusal(id, "approve", {"by": "eve", "actions": ["now"]})
    assert "later, too may start; 1 more" in rooms.answer(id, "approve", by="ann", actions=["too"])
    rooms.live.action(id, "too", "SUCCEEDED")
    rooms.answer(id, "skip_action", action="never", by="ann", reason="never mind")
    assert rooms.live.closed(id) == "COMPLETED"


def test_what_nobody_approves_in_time_expires(rooms: Rooms) -> None:
    """A plan of which nothing runs by itself ends EXPIRED; of one that runs, what is held is left out."""
    whole = rooms.start(nop("a"), automation="manual", approve_within="2s")
    document = rooms.plan(nop("a", urgency=1), nop("b"), automation="partial:1", approve_within="2s")
    part = f"plan/{rooms.name}-part"
    rooms.live.start("ActionPlan", part, document)
    assert rooms.live.closed(whole) == rooms.live.closed(part) == "COMPLETED"
    assert rooms.live.query(whole)["state"] == "EXPIRED"
    told = rooms.live.query(part)
    assert (told["state"], states(told)) == ("SUCCEEDED", {"a": "SUCCEEDED", "b": "SKIPPED(unapproved)"})
    assert told["actions"]["b"]["why"].startswith("expired: nobody approved it within 0:00:02; waits for")


def test_a_server_set_to_manual_is_never_moved_by_itself(rooms: Rooms) -> None:
    """Its metadata holds the move in a plan that is full automatic; an approval that names it lets it go."""
    nova = rooms.nova().compute
    nova.set_server_metadata(rooms.uuids["web-1"], **{"ballast:automation": "manual"})
    try:
        id = rooms.start(rooms.move("web-1", "west-1"), rooms.move("web-2", "west-1"))
        rooms.live.action(id, "web-2", "SUCCEEDED")
        why = rooms.live.query(id)["actions"]["web-1"]["why"]
        assert f"the server {rooms.uuids['web-1'][:8]} has automation manual" in why
        rooms.answer(id, "approve", by="ann", actions=["web-1"])
        assert rooms.live.closed(id) == "COMPLETED"
        assert rooms.host("web-1") == "west-1"
    finally:
        nova.delete_server_metadata(rooms.uuids["web-1"], ["ballast:automation"])


def test_what_a_tenant_ruled_out_is_not_moved_so(rooms: Rooms) -> None:
    """lifecycle:livemigratable=False: no live migration of it, with key and value as the reason."""
    id = rooms.start(rooms.move("pinned", "south-1"))
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"pinned": "SKIPPED(precondition)"}
    assert (
        "pinned has lifecycle:livemigratable=False: its tenant wants no live"
        in told["actions"]["pinned"]["why"]
    )
    assert rooms.at_home()


def test_failures_of_one_kind_open_the_breaker(rooms: Rooms) -> None:
    """After two moves without a valid host nothing starts until a person says resume."""
    for server in ("web-1", "web-2"):
        rooms.late_failure(server)
    moves = [rooms.move(server, "west-1") for server in ("web-1", "web-2")]
    last = sleep("last", 0.1, after=["web-1", "web-2"])
    id = rooms.start(*moves, last, on_failure="continue", breaker={"failures": 2})
    told = rooms.live.reaches(id, "PAUSED")
    assert "open after 2 failures of one kind (no_valid_host)" in told["sentence"]
    assert told["actions"]["last"] == {"state": "PENDING", "why": "waits for resume"}
    rooms.live.until(
        lambda: attribute(rooms.live, id, "BallastWaitingFor") == "breaker", "is not seen to wait"
    )
    rooms.answer(id, "resume", by="ann")
    assert rooms.live.closed(id) == "FAILED"
    assert states(rooms.live.query(id)) == {"web-1": "FAILED", "web-2": "FAILED", "last": "SUCCEEDED"}
