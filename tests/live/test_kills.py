"""Whatever dies, and however, every action is carried out exactly once; seen in the cloud's own journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from deploy.local.stack import stop
from tests.killing import MOVE, OVER, Killer, Move, Phase, document, draw_moves, judge, newest, requests
from tests.kills import CLOUD, kill
from tests.live.stack import PATIENCE, Live, bring_up
from tests.when.test_replay import replayer
from workflows import start
from workflows.wire import ahead

ROOT = Path(__file__).parents[2]
SWITCHED = 30  # times, so that the last one leaves the cloud thawed


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A stack at real speed, so that the simulator's clock and ours agree."""
    running = bring_up(tmp_path_factory.mktemp("kills"), CLOUD, speed=1.0)
    yield running
    running.stack.down()


async def test_a_killed_worker_doubles_and_loses_nothing(pairs: Live) -> None:
    """kill -9 in each phase of a migration leaves one accepted migration per action and a plan SUCCEEDED."""
    tally = await kill(pairs, len(Phase), seed=2)
    assert tally.wrong == []
    assert all(tally.hits[phase] == 1 for phase in Phase)


def _begin(pairs: Live, id: str, seed: int, heartbeat: float) -> tuple[tuple[Move, Move], float]:
    """Start a plan of two moves and wait until Nova has accepted both."""
    moves, begun = draw_moves(pairs, random.Random(seed)), time.time()
    killer = Killer(pairs, random.Random(seed))
    pairs.start("ActionPlan", id, document(moves, heartbeat))
    pairs.until(
        lambda: all(requests(killer.live.journal(), move, begun) for move in moves),
        "the moves are not asked for",
    )
    return moves, begun


def _assert_once(pairs: Live, moves: tuple[Move, Move], begun: float) -> None:
    journal = pairs.journal()
    assert judge(moves, journal, begun, pairs.sim("state")) == []


def _under_way(pairs: Live, moves: tuple[Move, Move]) -> bool:
    state = pairs.sim("state")
    records = [newest(state, move.instance, since=0.0) for move in moves]
    return all(record is not None and record["status"] not in OVER for record in records)


def _catch_up(pairs: Live) -> None:
    """The simulator's clock goes on, from where ours is."""
    pairs.sim("speed", {"speed": 1.0})
    now = datetime.fromisoformat(pairs.sim("state")["moment"]).timestamp()
    pairs.sim("advance", {"seconds": max(0.0, time.time() - now)})


def test_a_worker_told_to_stop_hands_over_at_once(pairs: Live) -> None:
    """After SIGTERM in mid-migration a worker ends by itself, and the next one takes up without waiting for
    the heartbeat time-out."""
    pairs.sim("speed", {"speed": 0.0})  # no move ends: a worker that waits for that does not end either
    moves, begun = _begin(pairs, "handed-over", seed=11, heartbeat=600.0)
    pairs.sim("advance", {"seconds": MOVE / 2})
    told = time.monotonic()
    assert stop(pairs.stack.directory / "worker.pid", patience=PATIENCE)
    assert time.monotonic() - told < PATIENCE, "it had to be killed"
    assert _under_way(pairs, moves)
    pairs.start_worker()
    _catch_up(pairs)
    assert pairs.closed("handed-over") == "COMPLETED"
    assert {row["state"] for row in pairs.query("handed-over")["actions"].values()} == {"SUCCEEDED"}
    _assert_once(pairs, moves, begun)


def test_temporal_itself_may_die(pairs: Live) -> None:
    """kill -9 of Temporal in mid-plan: with its database file and port it goes on, and the plan ends well."""
    moves, begun = _begin(pairs, "survives-temporal", seed=12, heartbeat=3.0)
    pairs.kill("temporal")
    time.sleep(1.0)
    pairs.stack.start_temporal()
    pairs.stack.await_temporal()
    described = ("workflow", "describe", "-w", "survives-temporal")
    pairs.until(lambda: pairs.cli(*described).returncode == 0, "Temporal does not come back")
    assert pairs.closed("survives-temporal") == "COMPLETED"
    _assert_once(pairs, moves, begun)


def test_a_planted_double_is_noticed() -> None:
    """With a worker that never looks what it asked before, `python -m tests.kills` exits 1 and says so."""
    command = [sys.executable, "-m", "tests.kills", "--count", "4", "--seed", "5", "--break", "idempotency"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 accepted migrations" in done.stdout


async def _asks_once(pairs: Live) -> Client:
    """A client without our plugin, as `temporal` and the UI are."""
    ours = await start.connect(pairs.stack.address)
    return await Client.connect(pairs.stack.address, data_converter=ours.data_converter)


async def test_a_plan_that_is_asked_while_another_worker_takes_it_over_replays(pairs: Live) -> None:
    """Asked in those two seconds, a worker shows it what came since at the time of what it did last: what it
    decides must not hang on the time, or the next worker cannot take it over."""
    moves, begun = draw_moves(pairs, random.Random(14)), time.time()
    plan = document(moves, 1.0)
    plan["actions"].append({"id": "next", "type": "nop", "needs": ["victim"], "reason": "it is behind it"})
    pairs.start("ActionPlan", "asked", plan)
    pairs.until(lambda: all(requests(pairs.journal(), move, begun) for move in moves), "nothing is asked for")
    pairs.sim("speed", {"speed": 0.2})
    time.sleep(5)
    pairs.kill_worker()
    pairs.start_worker()
    handle = (await _asks_once(pairs)).get_workflow_handle("asked")
    deadline = time.monotonic() + PATIENCE
    while (await handle.describe()).status == WorkflowExecutionStatus.RUNNING and time.monotonic() < deadline:
        with contextlib.suppress(WorkflowQueryFailedError, RPCError):
            await handle.query("status", rpc_timeout=timedelta(seconds=3))
    pairs.sim("speed", {"speed": 1.0})
    assert pairs.closed("asked") == "COMPLETED"
    replayed = await replayer().replay_workflow(await handle.fetch_history(), raise_on_replay_failure=False)
    assert replayed.replay_failure is None


async def test_a_plan_terminated_while_no_worker_was_there_tells_what_it_did(pairs: Live) -> None:
    """What came after its last task was never decided upon: it is neither told of nor in the way."""
    pairs.sim("speed", {"speed": 0.0})
    moves, _ = _begin(pairs, "cut-off", seed=15, heartbeat=600.0)
    pairs.kill_worker()
    handle = (await _asks_once(pairs)).get_workflow_handle("cut-off")
    await handle.signal("pause", {"by": "eve", "reason": "nobody reads it"})
    await handle.terminate()
    pairs.start_worker()
    told = await handle.query("status")
    assert {told["actions"][move.id]["state"] for move in moves} == {"ONGOING"}
    assert "nobody reads it" not in str(told)
    assert "plan" in await handle.query("record")
    _catch_up(pairs)
    pairs.sim("settle", {})


async def _ask(permits: WorkflowHandle[Any, Any], refusals: list[str]) -> None:
    """For ever, ten times a second."""
    while True:
        try:
            await permits.query("status", rpc_timeout=timedelta(seconds=3))
        except (WorkflowQueryFailedError, RPCError) as error:
            refusals.append(str(error))
        await asyncio.sleep(0.1)


async def _take_over(pairs: Live, client: Client, permits: WorkflowHandle[Any, Any], about: str) -> list[str]:
    """Another worker takes permits over that are asked since before anything came; what was refused to
    somebody who asks once. A program is answered in any case."""
    pairs.kill_worker()
    pairs.start_worker()
    await asyncio.sleep(5)  # the worker listens, and nothing has happened since the other one died
    refusals: list[str] = []
    asking = asyncio.create_task(_ask(permits, refusals))
    program = asyncio.create_task(start.status(client, permits.id))
    await asyncio.sleep(0.3)
    for round in range(SWITCHED):
        word = {"by": "eve", "reason": f"{about}, {round}"}
        await permits.signal(("freeze", "thaw")[round % 2], word)
        await asyncio.sleep(0.1)
    asking.cancel()
    assert "messages" in await program
    return refusals


async def test_what_a_query_shows_ahead_of_its_task_is_not_decided_upon(pairs: Live) -> None:
    """A query that would show a worker part of what came, at an old time, is refused; all of it is decided
    upon at once, so that the permits replay. Which query comes so is chance: a few deaths are tried."""
    client, refusals = await start.connect(pairs.stack.address), []
    stranger = await _asks_once(pairs)
    await start.switch(client, CLOUD.stem, "thaw", by="eve")
    permits = stranger.get_workflow_handle(f"permits/{CLOUD.stem}")
    deaths = 0
    while ahead.SAID not in refusals and deaths < 5:
        deaths += 1
        refusals = await _take_over(pairs, client, permits, f"death {deaths}")
    assert ahead.SAID in refusals
    told = await start.status(client, permits.id)
    assert len([said for said in told["messages"] if "(death " in said]) == SWITCHED * deaths
    replayed = await replayer().replay_workflow(await permits.fetch_history(), raise_on_replay_failure=False)
    assert replayed.replay_failure is None
