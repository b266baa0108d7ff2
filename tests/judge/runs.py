"""The verdict on an executed run: the cloud afterwards is what the outcomes say, nothing else has moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.judge.moments import predecessors
from tests.judge.papers import STATIC
from tests.judge.picture import Picture, Row, Violation

END = "after the run"
HELD = {"SUCCEEDED", "REVERT_FAILED"}  # the change stands
UNDONE = {"REVERTED", "FAILED", "SKIPPED", "CANCELLED", "BLOCKED"}  # the cloud is as before the action
RAN = {"SUCCEEDED", "REVERTED", "REVERT_FAILED", "FAILED"}


def run(before: Row, after: Row, plan: Row, outcomes: Mapping[str, Any]) -> list[Violation]:
    """What an executed run did that its outcomes do not say, from snapshots right before and after it.

    `outcomes` gives each action's end state by id: the word, or a mapping with `state` and a skip's `cause`.
    """
    order = predecessors(plan["actions"], "needs", "freed_by")
    if order is None:
        return [Violation("cycle", STATIC, plan.get("name", ""), "the edges form a cycle")]
    states = {i: o if isinstance(o, str) else o["state"] for i, o in outcomes.items()}
    causes = {i: None if isinstance(o, str) else o.get("cause") for i, o in outcomes.items()}
    actions = sorted(plan["actions"], key=lambda a: (len(order[a["id"]]), a["id"]))
    was, now = Picture(before), Picture(after)
    return [
        *_ended(actions, states),
        *_obeyed(actions, states, causes),
        *_instances(was, now, actions, states),
        *_services(was, now, actions, states),
        *_room(was, now),
    ]


def _ended(actions: Sequence[Row], states: Mapping[str, str]) -> Iterator[Violation]:
    for action in actions:
        state = states.get(action["id"], "missing")
        if state not in HELD | UNDONE:
            yield Violation("unfinished", END, action["id"], f"its state is {state}, which is no end")
    for one in sorted(states.keys() - {a["id"] for a in actions}):
        yield Violation("edges", END, one, "an outcome of an action that the plan does not have")


def _obeyed(
    actions: Sequence[Row], states: Mapping[str, str], causes: Mapping[str, Any]
) -> Iterator[Violation]:
    """Nothing ran over a `needs` edge that was not satisfied."""
    for action in actions:
        for need in action.get("needs", ()):
            state = states.get(need)
            satisfied = state in HELD | {"REVERTED"} or (state == "SKIPPED" and causes.get(need) == "already")
            if states.get(action["id"]) in RAN and not satisfied:
                text = f"it ran although {need}, which it needs, ended {state}"
                yield Violation("ran_without", END, action["id"], text)


def _instances(
    was: Picture, now: Picture, actions: Sequence[Row], states: Mapping[str, str]
) -> Iterator[Violation]:
    due = dict(was.where)
    touched = set()
    for action in actions:
        if action["type"] == "migrate":
            p = action["parameters"]
            touched.add(p["instance"])
            if states.get(action["id"]) in HELD:
                due[p["instance"]] = p["destination"]
    for uuid, host in due.items():
        if uuid not in now.instances:
            yield Violation("lost", END, uuid, f"{uuid} does not exist any more")
        elif now.where[uuid] != host:
            rule = "misplaced" if uuid in touched else "foreign_move"
            yield Violation(rule, END, uuid, f"{uuid} is on {now.where[uuid]}, should be on {host}")
        else:
            yield from _kept(was.instances[uuid], now.instances[uuid])
    for uuid in sorted(now.instances.keys() - was.instances.keys()):
        yield Violation("appeared", END, uuid, f"{uuid} was not there before")


def _kept(was: Row, now: Row) -> Iterator[Violation]:
    defaults = {"status": "ACTIVE", "task_state": None, "flavor": "", "power_state": 1, "locked": False}
    for name, default in defaults.items():
        old, new = was.get(name, default), now.get(name, default)
        if old != new:
            yield Violation("altered", END, was["uuid"], f"its {name} was {old!r} and is {new!r}")


def _services(
    was: Picture, now: Picture, actions: Sequence[Row], states: Mapping[str, str]
) -> Iterator[Violation]:
    due = {h: ("enabled" if was.enabled(h) else "disabled") for h in was.hosts}
    changed = set()
    for action in actions:
        if action["type"] == "change_nova_service_state" and states.get(action["id"]) in HELD:
            due[action["parameters"]["host"]] = action["parameters"]["state"]
            changed.add(action["parameters"]["host"])
    for host, state in due.items():
        if host not in now.hosts:
            yield Violation("lost", END, host, f"{host} does not exist any more")
            continue
        is_now = "enabled" if now.enabled(host) else "disabled"
        if is_now != state:
            yield Violation("service", END, host, f"{host} is {is_now}, should be {state}")
        old, new = (p.hosts[host].get("disabled_reason") for p in (was, now))
        if host not in changed and old != new:
            yield Violation("service", END, host, f"its disabled reason was {old!r} and is {new!r}")


def _room(was: Picture, now: Picture) -> Iterator[Violation]:
    """No host that received something holds too much."""
    for host in now.hosts:
        new = [u for u in now.guests(host) if was.where.get(u) != host]
        for resource_class in sorted({c for u in new for c in now.needs(u)}):
            used, limit = now.used(host, resource_class), now.limit(host, resource_class)
            if used > limit:
                text = f"{host} holds {used} {resource_class}, at most {limit:g}"
                yield Violation("capacity", END, host, text)
