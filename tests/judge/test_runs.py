"""The judge's verdict on executed runs: what is there afterwards is what the outcomes say."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests import judge, worlds
from tests.judge.hand import OUT, Row, releasing


def after(world: Row, **hosts: str) -> Row:
    now = deepcopy(world)
    for row in now["instances"]:
        row["host"] = hosts.get(row["uuid"], row["host"])
    return now


ALL_WELL = {"s": "SUCCEEDED", "m1": "SUCCEEDED", "m2": "SUCCEEDED"}
RUNS: list[tuple[dict[str, Any], dict[str, str], bool, set[str]]] = [
    (ALL_WELL, {"i3": "h1", "i4": "h2"}, True, set()),
    (ALL_WELL, {"i3": "h1"}, True, {"misplaced"}),
    (ALL_WELL, {"i3": "h1", "i4": "h2", "i1": "h2"}, True, {"foreign_move"}),
    (ALL_WELL, {"i3": "h1", "i4": "h2"}, False, {"service"}),
    ({**ALL_WELL, "m2": "FAILED"}, {"i3": "h1"}, True, set()),
    ({**ALL_WELL, "m2": "FAILED"}, {"i3": "h1", "i4": "h2"}, True, {"misplaced"}),
    ({**ALL_WELL, "m2": "ONGOING"}, {"i3": "h1"}, True, {"unfinished"}),
    ({"s": "SUCCEEDED", "m1": "SUCCEEDED"}, {"i3": "h1"}, True, {"unfinished"}),
    ({"s": "REVERTED", "m1": "REVERTED", "m2": "FAILED"}, {}, False, set()),
    ({"s": "REVERTED", "m1": "REVERTED", "m2": "FAILED"}, {"i3": "h1"}, True, {"misplaced", "service"}),
    ({"s": "FAILED", "m1": "BLOCKED", "m2": "BLOCKED"}, {}, False, set()),
    ({**ALL_WELL, "s": "FAILED"}, {"i3": "h1", "i4": "h2"}, False, {"ran_without"}),
    (
        {**ALL_WELL, "s": {"state": "SKIPPED", "cause": "person"}},
        {"i3": "h1", "i4": "h2"},
        False,
        {"ran_without"},
    ),
]


@pytest.mark.parametrize(("outcomes", "moved", "disabled", "expected"), RUNS)
def test_a_run_is_what_its_outcomes_say(
    outcomes: Row, moved: dict[str, str], disabled: bool, expected: set[str]
) -> None:
    """Succeeded actions stand, undone ones are undone, nothing ran over a failed need, nobody else moved."""
    world = worlds.named("spare")
    now = after(world, **moved)
    if disabled:
        now["hosts"][2] |= {"status": "disabled", "disabled_reason": "released"}
    found = judge.run(world, now, releasing(*OUT), outcomes)
    assert {v.rule for v in found} == expected, found


def test_a_skip_that_found_everything_done_satisfies() -> None:
    """SKIPPED(already) satisfies those that need it, and the cloud stays as it was."""
    world = worlds.named("spare")
    world["hosts"][2] |= {"status": "disabled", "disabled_reason": "by hand"}
    outcomes = {**ALL_WELL, "s": {"state": "SKIPPED", "cause": "already"}}
    now = after(world, i3="h1", i4="h2")
    assert judge.run(world, now, releasing(*OUT), outcomes) == []


def test_a_run_leaves_everything_else_alone() -> None:
    """Lost, new and altered instances, and a disabled reason put back wrongly, are reported."""
    world = worlds.named("spare")
    undone = {"s": "REVERTED", "m1": "CANCELLED", "m2": "CANCELLED"}

    def found(now: Row) -> set[str]:
        return {v.rule for v in judge.run(world, now, releasing(*OUT), undone)}

    lost, new, altered, reason = (deepcopy(world) for _ in range(4))
    lost["instances"].pop()
    new["instances"].append({**new["instances"][0], "uuid": "i9"})
    altered["instances"][0]["status"] = "ERROR"
    reason["hosts"][3]["disabled_reason"] = "released"
    assert [found(now) for now in (lost, new, altered, reason)] == [
        {"lost"},
        {"appeared"},
        {"altered"},
        {"service"},
    ]
